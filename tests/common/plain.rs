//! What a terminal shows, as text.

/// Sequences that move the cursor and clear lines are no text.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().filter(|c| *c != '\r');
    while let Some(character) = characters.next() {
        match character {
            '\x1b' => drop(characters.by_ref().skip(1).find(char::is_ascii_alphabetic)),
            character => plain.push(character),
        }
    }
    plain
}
