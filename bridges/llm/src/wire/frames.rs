use impresario_routing::Class;

use crate::error::Error;

/// The most bytes of one line.
const LINE_BYTES_MAX: usize = 4 << 20;

/// Cuts a stream of bytes into events, wherever the pieces of the connection fall: inside a
/// character, between `\r` and `\n`, after a comment.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    lines_only: bool,
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    name: String,
    data: String,
    has_data: bool,
}

/// One event: its name (often empty) and its data.
pub(crate) type Frame = (String, String);

impl Frames {
    pub(crate) fn new(lines_only: bool) -> Self {
        Self { lines_only, ..Self::default() }
    }

    /// Takes bytes and gives the events that are complete now.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), Error> {
        for &byte in bytes {
            let was_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if was_cr => {}
                b'\n' | b'\r' => self.end_line(out)?,
                _ if self.line.len() >= LINE_BYTES_MAX => {
                    return Err(Error::new(Class::Malformed, "line_too_long", ""));
                }
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// What is left when the stream has ended: a last line of JSON may lack its end. An event without
    /// its empty line is not one.
    pub(crate) fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), Error> {
        if self.lines_only && !self.line.is_empty() {
            return self.end_line(out);
        }
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Frame>) -> Result<(), Error> {
        let line = String::from_utf8(std::mem::take(&mut self.line))
            .map_err(|_| Error::new(Class::Malformed, "not_utf8", ""))?;
        let line = if std::mem::replace(&mut self.begun, true) {
            line.as_str()
        } else {
            line.trim_start_matches('\u{feff}')
        };
        if self.lines_only {
            if !line.trim().is_empty() {
                out.push((String::new(), line.to_owned()));
            }
            return Ok(());
        }
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                out.push((name, data));
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments begin with a colon; ids and retry times mean nothing here.
            _ => {}
        }
        Ok(())
    }
}
