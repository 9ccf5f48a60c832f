//! stub
/// stub
pub fn flush_denormals() {}
