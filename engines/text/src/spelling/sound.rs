//! A rough key of how an English word sounds.

/// The sound as a hash; words with equal sounds have equal hashes.
pub(super) fn hash(word: &str) -> u32 {
    key(word).chars().fold(2_166_136_261_u32, |hash, c| (hash ^ c as u32).wrapping_mul(16_777_619))
}

/// Consonants in classes, vowels only as "there was one at the start", doubles once.
pub(super) fn key(word: &str) -> String {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let mut key = String::new();
    let mut at = 0;
    while at < letters.len() {
        let (sound, used) = sound(&letters, at);
        for c in sound.chars() {
            if !key.ends_with(c) {
                key.push(c);
            }
        }
        at += used;
    }
    key
}

/// The sound that starts at a letter, and how many letters make it.
fn sound(letters: &[char], at: usize) -> (&'static str, usize) {
    let next = letters.get(at + 1).copied().unwrap_or(' ');
    let after = letters.get(at + 2).copied().unwrap_or(' ');
    let soft = matches!(next, 'e' | 'i' | 'y');
    match (letters[at], next) {
        ('p', 'h') => ("f", 2),
        ('g', 'h') if at == 0 => ("k", 2),
        ('g', 'h') => ("", 2),
        ('k' | 'g', 'n') if at == 0 => ("n", 2),
        ('w', 'r') if at == 0 => ("r", 2),
        ('p', 's') if at == 0 => ("s", 2),
        ('m', 'b') if at + 2 == letters.len() => ("m", 2),
        ('s', 'c') if matches!(after, 'e' | 'i' | 'y') => ("s", 2),
        ('s', 'c') if after == 'h' => ("sk", 3),
        ('s' | 'c', 'h') => ("x", 2),
        ('t' | 's' | 'c', 'i') if matches!(after, 'o' | 'a') => ("x", 2),
        ('t', 'h') => ("0", 2),
        ('c', 'k') => ("k", 2),
        ('c', _) if soft => ("s", 1),
        ('g', _) if soft => ("j", 1),
        ('c' | 'k' | 'q' | 'g', _) => ("k", 1),
        ('x', _) => (if at == 0 { "s" } else { "ks" }, 1),
        ('s' | 'z', _) => ("s", 1),
        ('d' | 't', _) => ("t", 1),
        ('b' | 'p', _) => ("p", 1),
        ('f' | 'v', _) => ("f", 1),
        ('j', _) => ("j", 1),
        ('l', _) => ("l", 1),
        ('m', _) => ("m", 1),
        ('n', _) => ("n", 1),
        ('r', _) => ("r", 1),
        _ if at == 0 => ("a", 1),
        _ => ("", 1),
    }
}
