use serde::{Deserialize, Serialize};

/// How answers are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where the embedding model is: a folder with `model.safetensors`, `tokenizer.json` (or
    /// `vocab.txt`) and `config.json`. Empty: none, and search is by words only.
    pub model_folder: String,
    /// Pieces of embedding work at once; each takes a processor.
    pub embeddings_at_once: usize,
    /// Tenants whose knowledge is held in memory at once.
    pub libraries_max: usize,
    /// Bytes of caches on the disk.
    pub cache_bytes_max: u64,
    /// Passages that an answer may rest on.
    pub passages: usize,
    /// Questions of one turn that are looked up; further ones are put off.
    pub questions_max: usize,
    /// Tokens of a prompt.
    pub prompt_tokens_max: usize,
    /// Tokens of a model's answer.
    pub answer_tokens_max: u64,
    /// Whether connections may say where a chat platform is. For tests and gateways of your own: it lets
    /// tenants call any address.
    pub platforms_anywhere: bool,
    /// How long a platform's reports are waited for, in milliseconds, when it is not known whether it
    /// took a message and it cannot be asked (WhatsApp). Without one the message is sent once more.
    pub report_wait_ms: u32,
    /// Servers on private addresses that tenants may use as providers, as `host:port`, separated by
    /// commas.
    pub local_servers: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model_folder: String::new(),
            embeddings_at_once: 2,
            libraries_max: 200,
            cache_bytes_max: 2 << 30,
            passages: 6,
            questions_max: 10,
            prompt_tokens_max: 6_000,
            answer_tokens_max: 1_200,
            platforms_anywhere: false,
            report_wait_ms: 60_000,
            local_servers: String::new(),
        }
    }
}

impl Options {
    /// What outside models may be called.
    pub(crate) fn models(&self) -> impresario_llm::Options {
        let servers = self.local_servers.split(',').map(str::trim).filter(|name| !name.is_empty());
        impresario_llm::Options {
            local_servers: servers.map(str::to_owned).collect(),
            ..impresario_llm::Options::default()
        }
    }
}
