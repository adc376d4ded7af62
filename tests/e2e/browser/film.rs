//! A film that lies on a third peer is played, and sought, while nobody here has it.

use super::driver::in_browser;
use crate::lab::{Lab, SOON, wait};

/// Samples a second.
const RATE: u32 = 8_000;

/// Half an hour of a tone that rises, as a WAV file (RIFF, 16 bits, one channel): 28.8 MB.
fn film() -> Vec<u8> {
    let samples = RATE * 30 * 60;
    let size = samples * 2;
    let mut bytes = Vec::with_capacity(size as usize + 44);
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(size + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, one channel.
    bytes.extend_from_slice(&[1, 0, 1, 0]);
    bytes.extend_from_slice(&RATE.to_le_bytes());
    bytes.extend_from_slice(&(RATE * 2).to_le_bytes());
    // Bytes of a sample, and its bits.
    bytes.extend_from_slice(&[2, 0, 16, 0]);
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&size.to_le_bytes());
    let tone = (0..samples).map(|at| (u64::from(at) * u64::from(at) / 40_000 % 4_096) as i16 - 2_048);
    bytes.extend(tone.flat_map(i16::to_le_bytes));
    bytes
}

#[test]
fn a_film_of_a_third_peer_is_played_and_sought() {
    let Some(lab) = Lab::of("up 3 100mbit") else { return };
    let anna = lab.peer(1, "anna", &[]);
    let _ben = lab.peer_with(2, "ben", &[("notes.txt", b"what I wrote\n")]);
    let _carl = lab.peer_with(3, "carl", &[("films/tone.wav", &film())]);
    wait("what carl shares", SOON, || anna.offered("films/tone.wav"));
    in_browser(&lab, 1, |browser| {
        browser.open(&anna);
        browser.click_words("films");
        browser.click_words("tone.wav");
        // It plays: its time goes on, by itself.
        let media = |script: &str| {
            let found = format!("const it = document.querySelector('audio, video'); return it && {script}");
            browser.run(&found, &[]).as_f64()
        };
        browser.until("a film that plays", || media("it.currentTime").filter(|at| *at > 0.2));
        assert_eq!(media("it.duration"), Some(1_800.0));
        // Each place comes in its turn: near the end, and back to what was not yet seen.
        for place in [1_500, 600, 1_790] {
            media(&format!("(it.currentTime = {place})"));
            let plays = || media("it.seeking ? 0 : it.currentTime").filter(|at| *at > f64::from(place) + 0.2);
            let at = browser.until("a film that plays elsewhere", plays);
            assert!(at < f64::from(place) + 30.0, "{at} after a seek to {place}");
        }
        assert_eq!(media("it.error ? 1 : 0"), Some(0.0));
        assert!(anna.downloads().is_empty(), "what is looked at is not kept");
    });
}
