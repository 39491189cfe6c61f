use crate::Choice;

/// What of the offered a typed reply means: its number (`2`, `2.`, `#2`, `2️⃣`, "the second",
/// "option two"), its title or id, a title with a slip of the pen, or a short sentence with exactly
/// one of the titles in it. None if it is not clear: then the words are to be read as words.
#[must_use]
pub fn understand(text: &str, offered: &[Choice]) -> Option<Choice> {
    let said = normal(text);
    if said.is_empty() || offered.is_empty() {
        return None;
    }
    let titles: Vec<String> = offered.iter().map(|choice| normal(&choice.title)).collect();
    only(titles.iter().map(|title| *title == said))
        .or_else(|| only(offered.iter().map(|choice| choice.id == text.trim())))
        .or_else(|| number(&said, offered.len()))
        .or_else(|| only(titles.iter().map(|title| mentions(&said, title))))
        .or_else(|| nearest(&said, &titles))
        .and_then(|index| offered.get(index))
        .cloned()
}

/// The index of the only one that holds.
fn only(hold: impl Iterator<Item = bool>) -> Option<usize> {
    let mut found = hold.enumerate().filter(|(_, holds)| *holds).map(|(index, _)| index);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Lower case, words with single spaces between, digits of every script as ASCII, nothing else.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        if let Some(digit) = digit(letter) {
            out.push(char::from(b'0' + digit));
        } else if letter.is_alphanumeric() || is_symbol(letter) {
            out.push(letter);
        } else if !matches!(letter, '\'' | '’' | '\u{fe0f}' | '\u{20e3}') && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.trim().to_owned()
}

/// Emoji and signs can be the whole title of a button.
const fn is_symbol(letter: char) -> bool {
    matches!(letter as u32, 0x2190..=0x2BFF | 0x1F000..=0x1FAFF | 0x24 | 0x25 | 0x2B | 0x20AC)
}

fn digit(letter: char) -> Option<u8> {
    let value = letter as u32;
    let zero = match value {
        0x30..=0x39 => 0x30,
        0x660..=0x669 => 0x660,
        0x6F0..=0x6F9 => 0x6F0,
        0x966..=0x96F => 0x966,
        0xFF10..=0xFF19 => 0xFF10,
        _ => return None,
    };
    u8::try_from(value - zero).ok()
}

/// Words that may stand beside a number without changing it (English, Spanish, Portuguese, French,
/// German, Italian).
const FILLERS: &str = "the option number no nr n num please choice button el la lo le der die das o a os opção \
    opcao opción opcion número numero nummer numéro por favor bitte one il opzione auswahl \
    ich nehme i want quero quiero je veux take ill";

/// Numbers and the words for them; `0` is the last.
const NUMBERS: &[(usize, &str)] = &[
    (
        1,
        "first 1st uno una primero primera primer um uma primeiro primeira un une premier \
         première eins erste ersten erster erstes primo prima",
    ),
    (
        2,
        "second 2nd two dos segundo segunda dois duas deux deuxième seconde zwei zweite \
         zweiten zweiter zweites due secondo",
    ),
    (
        3,
        "third 3rd three tres tercero tercera três terceiro terceira trois troisième drei \
         dritte dritten dritter drittes terzo terza",
    ),
    (
        4,
        "fourth 4th four cuatro cuarto cuarta quatro quarto quarta quatre quatrième vier \
         vierte vierten quattro",
    ),
    (5, "fifth 5th five cinco quinto quinta cinq cinquième fünf fünfte fünften cinque"),
    (6, "sixth six"),
    (7, "seventh seven"),
    (8, "eighth eight"),
    (9, "ninth nine"),
    (10, "tenth ten"),
    (0, "last último última ultimo ultima dernier dernière letzte letzten"),
];

/// The index that a number in digits or words means.
fn number(said: &str, count: usize) -> Option<usize> {
    let words: Vec<&str> = said.split(' ').collect();
    if words.len() > 6 {
        return None;
    }
    let left: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !FILLERS.split(' ').any(|filler| filler == *word))
        .collect();
    let number = match left.as_slice() {
        [] if words.contains(&"one") => 1,
        [word] => word.parse().ok().filter(|number| *number > 0).or_else(|| {
            let (known, _) =
                *NUMBERS.iter().find(|(_, names)| names.split(' ').any(|name| name == *word))?;
            Some(if known == 0 { count } else { known })
        })?,
        _ => return None,
    };
    (1..=count).contains(&number).then(|| number - 1)
}

/// Words that turn the meaning of a sentence with a title in it.
const NEGATIONS: &[&str] = &[
    "not", "no", "dont", "never", "without", "except", "instead", "nicht", "kein", "keine", "não",
    "nao", "sem", "sin", "nunca", "pas", "sans", "non", "senza",
];

/// Whether a short sentence has the title in it, as words.
fn mentions(said: &str, title: &str) -> bool {
    let words: Vec<&str> = said.split(' ').collect();
    let wanted: Vec<&str> = title.split(' ').collect();
    !title.is_empty()
        && title.chars().count() >= 3
        && words.len() <= wanted.len() + 5
        && !words.iter().any(|word| NEGATIONS.contains(word) && !wanted.contains(word))
        && words.windows(wanted.len()).any(|window| window == wanted)
}

/// The index of the title that is one slip away (two in long ones), if no other is as near.
fn nearest(said: &str, titles: &[String]) -> Option<usize> {
    let allowed = match said.chars().count() {
        0..=3 => return None,
        4..=7 => 1,
        _ => 2,
    };
    let mut distances: Vec<(usize, usize)> = titles
        .iter()
        .enumerate()
        .filter(|(_, title)| title.chars().count() >= 4)
        .map(|(index, title)| (slips(said, title), index))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    distances.sort_unstable();
    match distances.as_slice() {
        [(_, index)] => Some(*index),
        [(best, index), (next, _), ..] if best < next => Some(*index),
        _ => None,
    }
}

/// How many letters were left out, added, changed or swapped with their neighbour.
fn slips(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    // Titles are short; a whole letter to the bot is not compared.
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for row in 1..=left.len() {
        let mut line = vec![row];
        for column in 1..=right.len() {
            let changed = usize::from(left[row - 1] != right[column - 1]);
            let mut best =
                (last[column] + 1).min(line[column - 1] + 1).min(last[column - 1] + changed);
            let swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if swapped {
                best = best.min(before[column - 2] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last[right.len()]
}
