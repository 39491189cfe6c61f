//! What the letters alone say.

use whatlang::Lang;

/// The script most letters of a text belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    Bengali,
    Han,
    Kana,
    Hangul,
    Greek,
    Hebrew,
    Thai,
    Georgian,
    Armenian,
    Gurmukhi,
    Gujarati,
    Tamil,
    Telugu,
    Kannada,
    Malayalam,
    Sinhala,
    Burmese,
    Khmer,
    Lao,
    Ethiopic,
    Other,
}

impl Script {
    /// The language, where the script is written by one that customers use.
    pub(super) fn only_language(self) -> Option<&'static str> {
        Some(match self {
            Self::Han => "zh",
            Self::Kana => "ja",
            Self::Hangul => "ko",
            Self::Greek => "el",
            Self::Hebrew => "he",
            Self::Thai => "th",
            Self::Georgian => "ka",
            Self::Armenian => "hy",
            Self::Bengali => "bn",
            Self::Gurmukhi => "pa",
            Self::Gujarati => "gu",
            Self::Tamil => "ta",
            Self::Telugu => "te",
            Self::Kannada => "kn",
            Self::Malayalam => "ml",
            Self::Sinhala => "si",
            Self::Burmese => "my",
            Self::Khmer => "km",
            Self::Lao => "lo",
            Self::Ethiopic => "am",
            Self::Latin | Self::Cyrillic | Self::Arabic | Self::Devanagari | Self::Other => {
                return None;
            }
        })
    }

    /// Whether a language is written in this script.
    pub(super) fn writes(self, language: &str) -> bool {
        if let Some(only) = self.only_language() {
            return only == language;
        }
        let own = SHARED.iter().find(|(script, _)| *script == self);
        match own {
            Some((_, languages)) => languages.contains(&language),
            None => {
                let elsewhere = SHARED
                    .iter()
                    .any(|(_, languages)| languages.contains(&language) && language != "sr");
                self == Self::Latin && !elsewhere && !matches!(language, "zh" | "ja" | "ko")
            }
        }
    }
}

/// Scripts that several languages share; what is in none of them is written in Latin letters.
const SHARED: &[(Script, &[&str])] = &[
    (Script::Cyrillic, &["ru", "uk", "bg", "be", "sr", "mk"]),
    (Script::Arabic, &["ar", "fa", "ur"]),
    (Script::Devanagari, &["hi", "mr", "ne"]),
];

fn script_of(c: char) -> Script {
    match c as u32 {
        0x41..=0x24f | 0x1e00..=0x1eff => Script::Latin,
        0x370..=0x3ff | 0x1f00..=0x1fff => Script::Greek,
        0x400..=0x52f => Script::Cyrillic,
        0x531..=0x58f => Script::Armenian,
        0x590..=0x5ff => Script::Hebrew,
        0x600..=0x6ff | 0x750..=0x77f | 0xfb50..=0xfdff | 0xfe70..=0xfeff => Script::Arabic,
        0x900..=0x97f => Script::Devanagari,
        0x980..=0x9ff => Script::Bengali,
        0xa00..=0xa7f => Script::Gurmukhi,
        0xa80..=0xaff => Script::Gujarati,
        0xb80..=0xbff => Script::Tamil,
        0xc00..=0xc7f => Script::Telugu,
        0xc80..=0xcff => Script::Kannada,
        0xd00..=0xd7f => Script::Malayalam,
        0xd80..=0xdff => Script::Sinhala,
        0xe00..=0xe7f => Script::Thai,
        0xe80..=0xeff => Script::Lao,
        0x1000..=0x109f => Script::Burmese,
        0x10a0..=0x10ff => Script::Georgian,
        0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7af => Script::Hangul,
        0x1200..=0x139f => Script::Ethiopic,
        0x1780..=0x17ff => Script::Khmer,
        0x3040..=0x30ff => Script::Kana,
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x2_ffff => Script::Han,
        _ => Script::Other,
    }
}

/// The script of most letters. Han letters beside kana are Japanese; a Latin product name inside a
/// sentence in another script does not count for more than a third.
pub(super) fn script(text: &str) -> Script {
    let mut seen: Vec<(Script, f32)> = Vec::new();
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        let script = script_of(c);
        let weight = if script == Script::Latin {
            0.34
        } else if script == Script::Han {
            1.5
        } else {
            1.0
        };
        match seen.iter_mut().find(|(other, _)| *other == script) {
            Some((_, sum)) => *sum += weight,
            None => seen.push((script, weight)),
        }
    }
    let of =
        |wanted| seen.iter().find(|(script, _)| *script == wanted).map_or(0.0, |(_, sum)| *sum);
    let top =
        seen.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Script::Other, |(script, _)| *script);
    let japanese =
        matches!(top, Script::Han | Script::Kana) && of(Script::Kana) > of(Script::Han) * 0.1;
    if japanese { Script::Kana } else { top }
}

const LATIN: &[(&str, &[&str])] = &[
    ("łąęśźżć", &["pl"]),
    ("řůě", &["cs"]),
    ("ľĺŕ", &["sk"]),
    ("őű", &["hu"]),
    ("ășțţ", &["ro"]),
    ("ığ", &["tr"]),
    ("ə", &["az"]),
    ("ßẞ", &["de"]),
    ("ñ¿¡", &["es"]),
    ("ãõ", &["pt"]),
    ("ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", &["vi"]),
    ("øæ", &["da", "no"]),
    ("āēīūķļņģ", &["lv"]),
    ("ėųįū", &["lt"]),
    ("ŵŷ", &["cy"]),
    ("œ", &["fr"]),
];

const CYRILLIC: &[(&str, &[&str])] =
    &[("їєґ", &["uk"]), ("ў", &["be"]), ("ђћџ", &["sr"]), ("ѓќѕ", &["mk"]), ("ыэё", &["ru"])];

const ARABIC: &[(&str, &[&str])] = &[("ٹڈڑںےھ", &["ur"]), ("پچژگیک", &["fa"]), ("ةىيكإأ", &["ar"])];

/// Languages that a letter of the text points to; the first row that applies.
pub(super) fn hints(text: &str, script: Script) -> &'static [&'static str] {
    let tables = [(Script::Latin, LATIN), (Script::Cyrillic, CYRILLIC), (Script::Arabic, ARABIC)];
    let Some((_, table)) = tables.into_iter().find(|(other, _)| *other == script) else {
        return &[];
    };
    let lower = text.to_lowercase();
    table
        .iter()
        .map(|(letters, languages)| {
            (lower.chars().filter(|&c| letters.contains(c)).count(), *languages)
        })
        .fold((0, &[][..]), |best, row| if row.0 > best.0 { row } else { best })
        .1
}

pub(super) fn whichlang_code(language: whichlang::Lang) -> &'static str {
    use whichlang::Lang;
    match language {
        Lang::Ara => "ar",
        Lang::Cmn => "zh",
        Lang::Deu => "de",
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Hin => "hi",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Rus => "ru",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
    }
}

/// The code of whatlang's answer. Languages that it often hears in short English or Romance messages
/// and that hardly anybody writes to a shop in (Latin, Esperanto and some more) are left out.
pub(super) fn whatlang_code(language: Lang) -> Option<&'static str> {
    Some(match language.code() {
        "eng" => "en",
        "rus" => "ru",
        "cmn" => "zh",
        "spa" => "es",
        "por" => "pt",
        "ita" => "it",
        "fra" => "fr",
        "deu" => "de",
        "ukr" => "uk",
        "ara" => "ar",
        "hin" => "hi",
        "jpn" => "ja",
        "heb" => "he",
        "pol" => "pl",
        "kor" => "ko",
        "nob" => "no",
        "dan" => "da",
        "swe" => "sv",
        "fin" => "fi",
        "tur" => "tr",
        "nld" => "nl",
        "hun" => "hu",
        "ces" => "cs",
        "ell" => "el",
        "bul" => "bg",
        "bel" => "be",
        "mar" => "mr",
        "ron" => "ro",
        "slv" => "sl",
        "hrv" => "hr",
        "srp" => "sr",
        "mkd" => "mk",
        "lit" => "lt",
        "lav" => "lv",
        "est" => "et",
        "vie" => "vi",
        "urd" => "ur",
        "aze" => "az",
        "ind" => "id",
        "pes" => "fa",
        "nep" => "ne",
        "slk" => "sk",
        "cat" => "ca",
        "tgl" => "tl",
        "afr" => "af",
        _ => return None,
    })
}
