//! Listings on standard output.

use std::io::{self, ErrorKind, Write};

/// Writes a whole listing to standard output. A reader that has seen enough (`| head`) is no
/// error.
///
/// # Errors
/// Anything else: the disk that standard output goes to is full, for one. The program ends
/// with 74.
pub fn print(text: &str) -> io::Result<()> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(out: &mut dyn Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        let mut page = Vec::new();
        print_to(&mut page, "a\nb").unwrap();
        assert_eq!(page, b"a\nb");
        print_to(&mut Broken(ErrorKind::BrokenPipe), "a").unwrap();
        let e = print_to(&mut Broken(ErrorKind::StorageFull), "a").unwrap_err();
        assert_eq!(e.kind(), ErrorKind::StorageFull);
    }
}
