use anyhow::{Context, Result, bail, ensure};

/// Which column holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    /// The column of user ids.
    pub(crate) user: String,
    /// The column of times, and how they are written.
    pub(crate) at: (String, TimeFormat),
    /// The columns that become properties.
    pub(crate) properties: Vec<Property>,
}

/// A column that becomes a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) column: String,
    pub(crate) kind: Kind,
}

/// What a property's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number where it looks like one, otherwise a text.
    Guess,
    Text,
    Number,
}

/// How times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// ISO 8601, or `YYYYMMDD`.
    Guess,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// As strftime would write them, in UTC unless they name an offset.
    Strftime(String),
}

/// The properties in which the server looks for what an order brought, in this order.
pub(crate) const AMOUNTS: [&str; 3] = ["revenue", "total", "value"];

impl Map {
    /// Reads `FIELD=COLUMN[:FORMAT],…`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (mut user, mut at, mut properties) = (None, None, Vec::<Property>::new());
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (field, source) =
                pair.split_once('=').with_context(|| format!("{pair:?} is not FIELD=COLUMN"))?;
            let (field, source) = (field.trim(), source.trim());
            ensure!(!field.is_empty() && !source.is_empty(), "{pair:?} is not FIELD=COLUMN");
            let (column, format) = match source.split_once(':') {
                Some((column, format)) => (column.trim().to_owned(), Some(format.trim())),
                None => (source.to_owned(), None),
            };
            let twice = match field {
                "user_id" | "userId" | "user" => {
                    user.replace(plain(field, column, format)?).is_some()
                }
                "at" | "date" | "time" | "timestamp" => {
                    at.replace((column, time_format(format)?)).is_some()
                }
                _ => {
                    let property = property(field, column, format)?;
                    let twice = properties.iter().any(|known| known.name == property.name);
                    properties.push(property);
                    twice
                }
            };
            ensure!(!twice, "{field:?} is given twice");
        }
        Ok(Self {
            user: user.context("user_id=COLUMN is missing: whose rows are these?")?,
            at: at.context("at=COLUMN is missing: when did it happen?")?,
            properties,
        })
    }

    /// The same mapping is always written alike.
    pub(crate) fn canonical(&self) -> String {
        let format = match &self.at.1 {
            TimeFormat::Guess => String::new(),
            TimeFormat::Unix => ":unix".to_owned(),
            TimeFormat::UnixMs => ":unix_ms".to_owned(),
            TimeFormat::Strftime(format) => format!(":{format}"),
        };
        let mut text = format!("user_id={},at={}{format}", self.user, self.at.0);
        for Property { name, column, kind } in &self.properties {
            let kind = match kind {
                Kind::Guess => "",
                Kind::Text => ":text",
                Kind::Number => ":number",
            };
            text.push_str(&format!(",{name}={column}{kind}"));
        }
        text
    }

    /// The property whose sum is the revenue, if any is mapped.
    pub(crate) fn amount(&self) -> Option<usize> {
        AMOUNTS
            .iter()
            .find_map(|name| self.properties.iter().position(|property| property.name == *name))
    }
}

fn plain(field: &str, column: String, format: Option<&str>) -> Result<String> {
    ensure!(format.is_none(), "{field:?} takes no format");
    Ok(column)
}

fn time_format(format: Option<&str>) -> Result<TimeFormat> {
    Ok(match format {
        None | Some("iso") => TimeFormat::Guess,
        Some("unix") => TimeFormat::Unix,
        Some("unix_ms") => TimeFormat::UnixMs,
        Some(format) if format.contains('%') => TimeFormat::Strftime(format.to_owned()),
        Some(other) => {
            bail!("{other:?} is no time format: iso, unix, unix_ms, or strftime such as %Y%m%d")
        }
    })
}

fn property(field: &str, column: String, format: Option<&str>) -> Result<Property> {
    let name = if field == "amount" { "revenue" } else { field };
    let kind = match format {
        // A sum cannot be made of guesses.
        None if AMOUNTS.contains(&name) => Kind::Number,
        None => Kind::Guess,
        Some("text") => Kind::Text,
        Some("number") => Kind::Number,
        Some(other) => bail!("{other:?} is no kind of property: text or number"),
    };
    Ok(Property { name: name.to_owned(), column, kind })
}

/// Reads the value of `--delimiter`.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'"' && *byte != b'\n' => Ok(*byte),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("one ASCII character, or \"tab\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(name: &str, column: &str, kind: Kind) -> Property {
        Property { name: name.to_owned(), column: column.to_owned(), kind }
    }

    #[track_caller]
    fn check(text: &str, user: &str, at: (&str, TimeFormat), properties: &[Property]) {
        let map = Map::parse(text).unwrap();
        assert_eq!((map.user.as_str(), map.at.0.as_str(), &map.at.1), (user, at.0, &at.1));
        assert_eq!(map.properties, properties);
        assert_eq!(Map::parse(&map.canonical()).unwrap(), map);
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = Map::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }

    #[test]
    fn reads_fields_columns_and_formats() {
        check(
            "user_id=customer_id,at=date:%Y%m%d,revenue=dollar_value,quantity=number_of_cds",
            "customer_id",
            ("date", TimeFormat::Strftime("%Y%m%d".to_owned())),
            &[
                guess("revenue", "dollar_value", Kind::Number),
                guess("quantity", "number_of_cds", Kind::Guess),
            ],
        );
        check(
            " user = customer , date=when , amount=amount, zip=plz:text,",
            "customer",
            ("when", TimeFormat::Guess),
            &[guess("revenue", "amount", Kind::Number), guess("zip", "plz", Kind::Text)],
        );
        check(
            "user=u,at=t:%H:%M %Y-%j",
            "u",
            ("t", TimeFormat::Strftime("%H:%M %Y-%j".to_owned())),
            &[],
        );
        check("user=u,at=t:unix_ms", "u", ("t", TimeFormat::UnixMs), &[]);
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        refused("at=date", "user_id=COLUMN is missing");
        refused("user_id=c", "at=COLUMN is missing");
        refused("user_id", "not FIELD=COLUMN");
        refused("user_id=", "not FIELD=COLUMN");
        refused("user=a,user_id=b,at=c", "given twice");
        refused("user=a,at=b,amount=c,revenue=d", "given twice");
        refused("user=a,at=b:tomorrow", "no time format");
        refused("user=a,at=b,x=c:colour", "no kind of property");
        refused("user=a:text,at=b", "takes no format");
    }

    #[test]
    fn the_amount_is_found_as_the_server_finds_it() {
        let amount = |text: &str| {
            let map = Map::parse(text).unwrap();
            map.amount().map(|position| map.properties[position].name.clone())
        };
        assert_eq!(amount("user=u,at=t,value=v,revenue=r").as_deref(), Some("revenue"));
        assert_eq!(amount("user=u,at=t,value=v,total=r").as_deref(), Some("total"));
        assert_eq!(amount("user=u,at=t,quantity=q"), None);
    }

    #[test]
    fn delimiters_are_one_character() {
        assert_eq!(delimiter(";"), Ok(b';'));
        assert_eq!(delimiter("tab"), Ok(b'\t'));
        assert!(delimiter(";;").is_err());
        assert!(delimiter("é").is_err());
    }
}
