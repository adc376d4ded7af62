//! Paths as people have them, from a seed: photos with numbers, songs, documents whose names are words, with accents
//! and other scripts here and there, some dozen in a folder.

use potluck::content::{Entry, EntryKind, FileId};
use potluck::sim::Rng;

const SYLLABLES: [&str; 48] = [
    "ba", "be", "bo", "ca", "ce", "ci", "co", "da", "de", "di", "en", "er", "es", "fa", "fi", "ga", "ge",
    "ha", "he", "in", "is", "ka", "la", "le", "li", "lo", "ma", "me", "mi", "na", "ne", "no", "on", "or",
    "pa", "pe", "ra", "re", "ri", "sa", "se", "st", "ta", "te", "ti", "to", "un", "va",
];

const TOPS: [&str; 8] = ["Photos", "Music", "Documents", "Videos", "Projects", "Backups", "School", "Work"];

const EXTENSIONS: [&str; 20] = [
    "jpg", "jpg", "jpg", "jpg", "jpg", "jpg", "mp3", "mp3", "mp3", "pdf", "pdf", "mp4", "docx", "png", "png",
    "txt", "zip", "xlsx", "py", "flac",
];

const OTHER: [&str; 12] = ["写", "真", "音", "楽", "映", "画", "文", "書", "東", "京", "春", "夏"];

const ACCENTS: [(&str, &str); 6] = [("a", "á"), ("e", "é"), ("i", "ï"), ("o", "ö"), ("u", "ü"), ("n", "ñ")];

/// Word number `n` of the language: always the same one.
pub(crate) fn word(n: u64) -> String {
    let mut rng = Rng::new(n);
    let count = 2 + rng.below(3);
    (0..count).map(|_| *pick(&mut rng, &SYLLABLES)).collect()
}

fn pick<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    &all[usize::try_from(rng.below(all.len() as u64)).unwrap()]
}

/// One of 40,960 words, as often as words are in a language: the first hundred make half of all.
fn any_word(rng: &mut Rng) -> String {
    let among = 20 << rng.below(12);
    let plain = word(rng.below(among));
    if !rng.permille(100) {
        return plain;
    }
    let (letter, accent) = pick(rng, &ACCENTS);
    plain.replacen(letter, accent, 1)
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn name(rng: &mut Rng) -> String {
    let extension = *pick(rng, &EXTENSIONS);
    match rng.below(100) {
        0..25 => {
            let (day, time) = (
                20_080_101 + rng.below(18) * 10_000 + rng.below(12) * 100 + rng.below(28),
                rng.below(235_959),
            );
            format!("IMG_{day}_{time:06}.jpg")
        }
        25..45 => format!("{:02} - {} {}.mp3", 1 + rng.below(20), title(&any_word(rng)), any_word(rng)),
        45..48 => {
            let text: String = (0..2 + rng.below(5)).map(|_| *pick(rng, &OTHER)).collect();
            format!("{text}.{extension}")
        }
        _ => {
            let between = *pick(rng, &[" ", "_", "-", " "]);
            let mut words: Vec<_> = (0..=rng.below(5)).map(|_| any_word(rng)).collect();
            if rng.permille(300) {
                words.push((2_005 + rng.below(22)).to_string());
            }
            if rng.permille(300) {
                words = words.iter().map(|word| title(word)).collect();
            }
            format!("{}.{extension}", words.join(between))
        }
    }
}

fn folder(rng: &mut Rng) -> String {
    let mut folder = format!("{}/{}", pick(rng, &TOPS), title(&any_word(rng)));
    if rng.permille(800) {
        folder += &format!("/{} {}", any_word(rng), 2_005 + rng.below(22));
    }
    if rng.permille(400) {
        folder += &format!("/{}", any_word(rng));
    }
    folder
}

/// What one owner lists: each tenth file is one that many others have, too.
pub(crate) fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let mut rng = Rng::new(seed);
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let folder = folder(&mut rng);
        for _ in 0..(1 + rng.below(48)).min((count - all.len()) as u64) {
            let Ok(path) = format!("{folder}/{}", name(&mut rng)).parse() else { continue };
            let number = if rng.permille(100) { rng.below(20_000) } else { rng.next() };
            let id = FileId::from(blake3::hash(&number.to_le_bytes()));
            let modified = 1_700_000_000_000 + i64::try_from(rng.below(1 << 36)).unwrap();
            let kind =
                EntryKind::File { id, size: number % (1 << 24), modified, executable: false, since: 0 };
            all.push(Entry { path, kind });
        }
    }
    all
}
