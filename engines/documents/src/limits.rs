/// What one file may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes_max: usize,
    /// Bytes of everything that is packed in it, together.
    pub inflated_bytes_max: usize,
    /// Bytes of the text that comes out, attachments too.
    pub text_bytes_max: usize,
    /// Sections.
    pub sections_max: usize,
    /// Pages of a PDF.
    pub pages_max: usize,
    /// Cells of a table or a workbook, values of a JSON file, glyphs and paths of a PDF.
    pub cells_max: usize,
    /// Levels of messages and files in one another.
    pub depth_max: usize,
    /// Attachments, at all levels together.
    pub attachments_max: usize,
    /// Rows of an import.
    pub rows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 32 << 20,
            inflated_bytes_max: 128 << 20,
            text_bytes_max: 3 << 20,
            sections_max: 20_000,
            pages_max: 2_000,
            cells_max: 2_000_000,
            depth_max: 3,
            attachments_max: 50,
            rows_max: 20_000,
        }
    }
}
