//! `backline completions` and `backline man`.

use std::fs;
use std::io;
use std::path::Path;

use super::out;
use crate::args::{self, Shell};
use crate::exit::{Code, Failure};

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    out(&String::from_utf8_lossy(&args::completions(shell)))
}

/// Writes every page into `folder`, which is made if need be, or prints the main one.
pub(super) fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let failed = |path: &Path, e: io::Error| {
        Failure::new(
            Code::Io,
            format!("{}: can't be written: {e}", path.display()),
        )
    };
    let pages = args::man_pages()
        .map_err(|e| Failure::new(Code::Io, format!("the manual pages can't be made: {e}")))?;
    let Some(folder) = folder else {
        return match pages.first() {
            Some((_, page)) => out(&String::from_utf8_lossy(page)),
            None => Ok(()),
        };
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for (name, page) in pages {
        let path = folder.join(name);
        fs::write(&path, page).map_err(|e| failed(&path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_goes_into_a_folder_that_is_made() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("share/man1");
        man(Some(&folder)).unwrap();
        let page = fs::read_to_string(folder.join("backline-play.1")).unwrap();
        assert!(page.contains("play"), "{page}");
        assert!(folder.join("backline.1").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = man(Some(&file.path().join("x"))).unwrap_err();
        assert_eq!(failure.code, Code::Io);
        let path = file.path().display().to_string();
        assert!(failure.message.contains(&path), "{failure}");
    }
}
