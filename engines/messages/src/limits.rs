use unicode_segmentation::UnicodeSegmentation as _;

use crate::{Channel, MediaKind};

/// What a limit is about. Where a channel has no row for it, the channel cannot do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// The text of a plain message.
    Text,
    /// The words below media.
    Caption,
    /// The line above buttons.
    ButtonsHeader,
    /// The question above buttons.
    ButtonsBody,
    /// The line below buttons.
    ButtonsFooter,
    /// Whether a picture may stand above buttons.
    ButtonsMedia,
    /// How many buttons that answer.
    Buttons,
    /// How many buttons that open a URL.
    LinkButtons,
    /// Whether both kinds may stand together.
    MixedButtons,
    /// What is on a button.
    ButtonTitle,
    /// What comes back from a button.
    ButtonId,
    /// The line above a list.
    ListHeader,
    /// The question above a list.
    ListBody,
    /// The line below a list.
    ListFooter,
    /// What opens a list.
    ListButton,
    /// How many sections.
    Sections,
    /// How many rows in one section.
    SectionRows,
    /// How many rows in all.
    Rows,
    /// The line above a section.
    SectionTitle,
    /// What is on a row.
    RowTitle,
    /// What comes back from a row.
    RowId,
    /// The second line of a row.
    RowDescription,
    /// The name of a template.
    TemplateName,
    /// One value for a template.
    TemplateParam,
    /// Whether a place can be sent.
    Location,
    /// Whether a business card can be sent.
    Contact,
    /// Whether an emoji can be put on a message.
    Reaction,
    /// Whether a product of a catalogue can be sent.
    Product,
    /// The size of a picture.
    ImageBytes,
    /// The size of a film.
    VideoBytes,
    /// The size of a sound.
    AudioBytes,
    /// The size of a file.
    DocumentBytes,
    /// The size of a sticker.
    StickerBytes,
}

impl What {
    /// The row for the size of media.
    #[must_use]
    pub const fn bytes_of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Image => Self::ImageBytes,
            MediaKind::Video => Self::VideoBytes,
            MediaKind::Audio => Self::AudioBytes,
            MediaKind::Document => Self::DocumentBytes,
            MediaKind::Sticker => Self::StickerBytes,
        }
    }
}

/// How a limit is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// UTF-16 code units. Platforms that say "characters" without saying which count either these
    /// or code points; whoever keeps to these keeps to both.
    Utf16,
    /// Unicode code points.
    Chars,
    /// What a reader sees as one character.
    Graphemes,
    /// Bytes of UTF-8, or of a file.
    Bytes,
    /// Things.
    Items,
}

/// The size of a text, as it is counted. A thing counts one.
#[must_use]
pub fn measure(text: &str, counted: Counted) -> usize {
    match counted {
        Counted::Utf16 => text.encode_utf16().count(),
        Counted::Chars => text.chars().count(),
        Counted::Graphemes => text.graphemes(true).count(),
        Counted::Bytes => text.len(),
        Counted::Items => 1,
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The channel.
    pub channel: Channel,
    /// What it is about.
    pub what: What,
    /// The most that is allowed.
    pub max: usize,
    /// How it is counted.
    pub counted: Counted,
}

impl Limit {
    /// Whether a text keeps to it.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        // No unit is smaller than a byte, so most texts need no counting.
        text.len() <= self.max || measure(text, self.counted) <= self.max
    }
}

/// All rows of a channel.
#[must_use]
pub const fn limits(channel: Channel) -> &'static [Limit] {
    match channel {
        Channel::Web => WEB,
        Channel::WhatsApp => WHATSAPP,
        Channel::Twilio => TWILIO,
        Channel::Slack => SLACK,
        Channel::Discord => DISCORD,
        Channel::OpenAi => OPENAI,
        Channel::Api => API,
    }
}

/// One row; none if the channel cannot do it at all.
#[must_use]
pub fn limit(channel: Channel, what: What) -> Option<Limit> {
    limits(channel).iter().find(|row| row.what == what).copied()
}

macro_rules! table {
    ($channel:ident: $($what:ident $max:literal $counted:ident;)*) => {
        &[$(Limit {
            channel: Channel::$channel,
            what: What::$what,
            max: $max,
            counted: Counted::$counted,
        }),*]
    };
}

/// Cloud API: "interactive messages", "media" and "templates" of Meta's reference. The body of a list
/// is 4 096 by newer pages and 1 024 by older ones: the smaller.
const WHATSAPP: &[Limit] = table! { WhatsApp:
    Text 4_096 Utf16;
    Caption 1_024 Utf16;
    ButtonsHeader 60 Utf16;
    ButtonsBody 1_024 Utf16;
    ButtonsFooter 60 Utf16;
    ButtonsMedia 1 Items;
    Buttons 3 Items;
    LinkButtons 1 Items;
    ButtonTitle 20 Utf16;
    ButtonId 256 Utf16;
    ListHeader 60 Utf16;
    ListBody 1_024 Utf16;
    ListFooter 60 Utf16;
    ListButton 20 Utf16;
    Sections 10 Items;
    SectionRows 10 Items;
    Rows 10 Items;
    SectionTitle 24 Utf16;
    RowTitle 24 Utf16;
    RowId 200 Utf16;
    RowDescription 72 Utf16;
    TemplateName 512 Utf16;
    TemplateParam 1_024 Utf16;
    Location 1 Items;
    Contact 1 Items;
    Reaction 1 Items;
    Product 1 Items;
    ImageBytes 5_000_000 Bytes;
    VideoBytes 16_000_000 Bytes;
    AudioBytes 16_000_000 Bytes;
    DocumentBytes 100_000_000 Bytes;
    StickerBytes 500_000 Bytes;
};

/// Messaging API and Content API. Quick replies: three in a session without approval. List pickers
/// have no sections, neither has a header or a footer.
const TWILIO: &[Limit] = table! { Twilio:
    Text 1_600 Utf16;
    Caption 1_600 Utf16;
    ButtonsBody 1_024 Utf16;
    Buttons 3 Items;
    ButtonTitle 20 Utf16;
    ButtonId 200 Utf16;
    ListBody 1_024 Utf16;
    ListButton 20 Utf16;
    Sections 1 Items;
    SectionRows 10 Items;
    Rows 10 Items;
    RowTitle 24 Utf16;
    RowId 200 Utf16;
    RowDescription 72 Utf16;
    TemplateName 34 Utf16;
    TemplateParam 1_024 Utf16;
    Location 1 Items;
    ImageBytes 5_000_000 Bytes;
    VideoBytes 16_000_000 Bytes;
    AudioBytes 16_000_000 Bytes;
    DocumentBytes 16_000_000 Bytes;
    StickerBytes 100_000 Bytes;
};

/// Block Kit, counted after `&`, `<` and `>` are written as entities. A message may have 40 000
/// characters of text; above 4 000 it is badly shown.
const SLACK: &[Limit] = table! { Slack:
    Text 4_000 Utf16;
    Caption 3_000 Utf16;
    ButtonsHeader 150 Utf16;
    ButtonsBody 3_000 Utf16;
    ButtonsFooter 2_000 Utf16;
    ButtonsMedia 1 Items;
    Buttons 25 Items;
    LinkButtons 25 Items;
    MixedButtons 25 Items;
    ButtonTitle 75 Utf16;
    ButtonId 2_000 Utf16;
    ListHeader 150 Utf16;
    ListBody 3_000 Utf16;
    ListFooter 2_000 Utf16;
    ListButton 150 Utf16;
    Sections 100 Items;
    SectionRows 100 Items;
    Rows 100 Items;
    SectionTitle 75 Utf16;
    RowTitle 75 Utf16;
    RowId 150 Utf16;
    RowDescription 75 Utf16;
    Reaction 1 Items;
    ImageBytes 10_000_000 Bytes;
};

/// Messages with components: five rows of five buttons, or five menus of 25 options, whose
/// placeholder is the section's title. There is no header and no footer beside the content.
const DISCORD: &[Limit] = table! { Discord:
    Text 2_000 Utf16;
    Caption 2_000 Utf16;
    ButtonsBody 2_000 Utf16;
    ButtonsMedia 1 Items;
    Buttons 25 Items;
    LinkButtons 25 Items;
    MixedButtons 25 Items;
    ButtonTitle 80 Utf16;
    ButtonId 100 Utf16;
    ListBody 2_000 Utf16;
    ListButton 150 Utf16;
    Sections 5 Items;
    SectionRows 25 Items;
    Rows 125 Items;
    SectionTitle 150 Utf16;
    RowTitle 100 Utf16;
    RowId 100 Utf16;
    RowDescription 100 Utf16;
    Reaction 1 Items;
    ImageBytes 10_000_000 Bytes;
};

/// Our own widget: what still looks right on a telephone.
const WEB: &[Limit] = table! { Web:
    Text 16_000 Graphemes;
    Caption 1_000 Graphemes;
    ButtonsHeader 120 Graphemes;
    ButtonsBody 4_000 Graphemes;
    ButtonsFooter 240 Graphemes;
    ButtonsMedia 1 Items;
    Buttons 20 Items;
    LinkButtons 20 Items;
    MixedButtons 20 Items;
    ButtonTitle 60 Graphemes;
    ButtonId 256 Chars;
    ListHeader 120 Graphemes;
    ListBody 4_000 Graphemes;
    ListFooter 240 Graphemes;
    ListButton 60 Graphemes;
    Sections 20 Items;
    SectionRows 100 Items;
    Rows 100 Items;
    SectionTitle 120 Graphemes;
    RowTitle 120 Graphemes;
    RowId 256 Chars;
    RowDescription 240 Graphemes;
    Location 1 Items;
    Contact 1 Items;
    Reaction 1 Items;
    Product 1 Items;
    ImageBytes 20_000_000 Bytes;
    VideoBytes 100_000_000 Bytes;
    AudioBytes 100_000_000 Bytes;
    DocumentBytes 100_000_000 Bytes;
    StickerBytes 1_000_000 Bytes;
};

/// A program reads it: the limits only keep one answer in one request.
const API: &[Limit] = table! { Api:
    Text 65_536 Chars;
    Caption 4_096 Chars;
    ButtonsHeader 256 Chars;
    ButtonsBody 16_384 Chars;
    ButtonsFooter 256 Chars;
    ButtonsMedia 1 Items;
    Buttons 100 Items;
    LinkButtons 100 Items;
    MixedButtons 100 Items;
    ButtonTitle 256 Chars;
    ButtonId 256 Chars;
    ListHeader 256 Chars;
    ListBody 16_384 Chars;
    ListFooter 256 Chars;
    ListButton 256 Chars;
    Sections 100 Items;
    SectionRows 1_000 Items;
    Rows 1_000 Items;
    SectionTitle 256 Chars;
    RowTitle 256 Chars;
    RowId 256 Chars;
    RowDescription 1_024 Chars;
    TemplateName 512 Chars;
    TemplateParam 1_024 Chars;
    Location 1 Items;
    Contact 1 Items;
    Reaction 1 Items;
    Product 1 Items;
    ImageBytes 1_000_000_000 Bytes;
    VideoBytes 1_000_000_000 Bytes;
    AudioBytes 1_000_000_000 Bytes;
    DocumentBytes 1_000_000_000 Bytes;
    StickerBytes 1_000_000_000 Bytes;
};

/// A completion is one text.
const OPENAI: &[Limit] = table! { OpenAi:
    Text 262_144 Chars;
};
