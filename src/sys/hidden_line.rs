//! A line that is typed on the terminal without being shown: a passphrase.

use std::io::{self, Read, Write as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Bytes of an answer that is not shown, at most.
const ANSWER: usize = 4_096;

/// Keys that mean something while such an answer is typed.
const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// Asks a question on the terminal, and reads the answer, a line, without showing it.
///
/// # Errors
/// `Interrupted` on Ctrl-C; `UnexpectedEof` at the end of the input, or on Ctrl-D; what the system says, if
/// there is no terminal.
pub(crate) fn ask_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let mode = tcgetattr(&stdin)?;
    let mut hidden = mode.clone();
    // Keys come one by one, Ctrl-C among them: so no signal leaves the terminal without echo.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    let mut stderr = io::stderr();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let answer = read_keys(&mut stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &mode)?;
    stderr.write_all(b"\n")?;
    answer
}

/// The keys of one line. What was typed wrongly can be taken back.
fn read_keys(keys: &mut impl Read) -> io::Result<Zeroizing<String>> {
    // It never grows, so that no copy is left behind in memory.
    let mut line = Zeroizing::new(Vec::with_capacity(ANSWER));
    loop {
        let mut key = [0];
        keys.read_exact(&mut key)?;
        match key[0] {
            b'\n' | b'\r' => break,
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D => return Err(io::ErrorKind::UnexpectedEof.into()),
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => {
                // A character of several bytes goes as a whole.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            key if line.len() < ANSWER => line.push(key),
            _ => {}
        }
    }
    match core::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_can_be_corrected_and_given_up() {
        let read = |keys: &str| read_keys(&mut keys.as_bytes()).map(|line| line.to_string());
        assert_eq!(read("a\u{fc}\u{7f}b\u{8}\u{7f}c\nnext").unwrap(), "c");
        assert_eq!(read("wrong\u{15}right\r").unwrap(), "right");
        assert_eq!(read("a\u{3}\n").unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(read("a\u{4}").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read("a").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
