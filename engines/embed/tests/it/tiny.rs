//! A network of a few hundred weights made from a seed: computed here and by `naive`.

use std::collections::HashMap;

use impresario_embed::{CrossEncoder, LoadError, Model, WordPiece};
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::naive::{self, Weights};

pub(crate) const HIDDEN: usize = 12;
pub(crate) const HEADS: usize = 3;
pub(crate) const LAYERS: usize = 2;
const WIDE: usize = 20;
const POSITIONS: usize = 40;

const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\nworld\n##s\nbell\n##e\nrefund\nmy\norder\n.\n,\n?\n!\n1\n##2\n我\n的\na\nb\nc\n##a\n##b\n##c\n[\n]\nsep\n";
const CONFIG: &str = r#"{"model_type": "bert", "hidden_size": 12, "num_hidden_layers": 2,
    "num_attention_heads": 3, "intermediate_size": 20, "max_position_embeddings": 40,
    "layer_norm_eps": 1e-12, "hidden_act": "gelu", "something_else": [1]}"#;

fn weights(seed: u64) -> Weights {
    let words = VOCABULARY.lines().count();
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![words, HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
    ];
    let mut linear = |name: String, out: usize, input: usize| {
        shapes.push((format!("{name}.weight"), vec![out, input]));
        shapes.push((format!("{name}.bias"), vec![out]));
    };
    for layer in 0..LAYERS {
        let name = format!("encoder.layer.{layer}");
        for part in ["query", "key", "value"] {
            linear(format!("{name}.attention.self.{part}"), HIDDEN, HIDDEN);
        }
        linear(format!("{name}.attention.output.dense"), HIDDEN, HIDDEN);
        linear(format!("{name}.intermediate.dense"), WIDE, HIDDEN);
        linear(format!("{name}.output.dense"), HIDDEN, WIDE);
    }
    linear("pooler.dense".into(), HIDDEN, HIDDEN);
    linear("classifier".into(), 1, HIDDEN);
    let norms = (0..LAYERS).flat_map(|layer| {
        ["attention.output.LayerNorm", "output.LayerNorm"]
            .map(|norm| format!("encoder.layer.{layer}.{norm}"))
    });
    for norm in norms.chain(["embeddings.LayerNorm".to_owned()]) {
        shapes.push((format!("{norm}.weight"), vec![HIDDEN]));
        shapes.push((format!("{norm}.bias"), vec![HIDDEN]));
    }
    let mut state = seed | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let values = (0..shape.iter().product()).map(|_| next()).collect();
            (name, (shape, values))
        })
        .collect()
}

fn file(weights: &Weights, prefix: &str) -> Vec<u8> {
    let bytes: HashMap<String, (Vec<usize>, Vec<u8>)> = weights
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (format!("{prefix}{name}"), (shape.clone(), bytes))
        })
        .collect();
    let views = bytes.iter().map(|(name, (shape, bytes))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("a file")
}

fn model(seed: u64) -> (Model, Weights) {
    let weights = weights(seed);
    let file = file(&weights, "");
    let model = Model::load("tiny", &file, VOCABULARY.as_bytes(), CONFIG.as_bytes());
    (model.expect("a model"), weights)
}

const TEXTS: &[&str] = &[
    "",
    "hello",
    "Hello worlds!",
    "refund my order, my order 12?",
    "我的 héllo",
    "unknownword hello",
    "[SEP] hello",
    "a b c a b c a b c abcabc a b c a b c a b c a b c a b c a b c a b c a b c a b c a b c a b c a b c",
];

#[test]
fn vectors_are_those_of_the_plain_network() {
    let words = WordPiece::parse(VOCABULARY.as_bytes()).expect("a vocabulary");
    for seed in [1, 77, 123_456] {
        let (model, weights) = model(seed);
        for (text, vector) in TEXTS.iter().zip(model.embed(TEXTS)) {
            let plain = naive::sentence(&weights, &words.encode(text, POSITIONS));
            for (ours, theirs) in vector.iter().zip(plain) {
                assert!((f64::from(*ours) - theirs).abs() < 1e-5, "{text:?}: {ours} {theirs}");
            }
        }
    }
}

#[test]
fn pair_scores_are_those_of_the_plain_network() {
    let weights = weights(5);
    let file = file(&weights, "");
    let cross = CrossEncoder::load("tiny", &file, VOCABULARY.as_bytes(), CONFIG.as_bytes())
        .expect("a cross-encoder");
    let words = WordPiece::parse(VOCABULARY.as_bytes()).expect("a vocabulary");
    let passages = ["hello world", "refund my order.", ""];
    for (passage, score) in passages.iter().zip(cross.score("my order?", &passages)) {
        let mut tokens = words.encode("my order?", POSITIONS);
        let second_from = tokens.len();
        tokens.extend(&words.encode(passage, POSITIONS)[1..]);
        let plain = naive::pair(&weights, &tokens, second_from);
        assert!((f64::from(score) - plain).abs() < 1e-5, "{passage:?}: {score} {plain}");
    }
    assert!(cross.score("x", &[]).is_empty());
}

#[test]
fn a_pair_that_is_too_long_is_cut() {
    let file = file(&weights(5), "bert.");
    let cross = CrossEncoder::load("tiny", &file, VOCABULARY.as_bytes(), CONFIG.as_bytes());
    let long = "a ".repeat(500);
    // The classifier and the pooler may carry the prefix too.
    let scores = cross.expect("a cross-encoder").score(&long, &[&long, "b"]);
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
}

#[test]
fn the_id_changes_with_every_file() {
    let file_a = file(&weights(1), "");
    let load = |weights: &[u8], vocabulary: &str, config: &str| {
        let model = Model::load("tiny", weights, vocabulary.as_bytes(), config.as_bytes());
        model.expect("a model").id().to_owned()
    };
    let id = load(&file_a, VOCABULARY, CONFIG);
    assert_eq!(id, load(&file_a, VOCABULARY, CONFIG));
    assert!(id.starts_with("tiny@") && id.len() == 21, "{id}");
    assert_ne!(id, load(&file(&weights(2), ""), VOCABULARY, CONFIG));
    assert_ne!(id, load(&file_a, &VOCABULARY.replace("sep", "sip"), CONFIG));
    assert_ne!(id, load(&file_a, VOCABULARY, &CONFIG.replace("[1]", "[2]")));
}

#[test]
fn files_that_do_not_fit_are_named() {
    let whole = file(&weights(1), "");
    let load = |weights: &[u8], vocabulary: &str, config: &str| {
        Model::load("tiny", weights, vocabulary.as_bytes(), config.as_bytes()).expect_err("wrong")
    };
    assert!(matches!(load(b"junk", VOCABULARY, CONFIG), LoadError::Weights(_)));
    assert!(matches!(load(&whole, "a\nb\n", CONFIG), LoadError::Vocabulary(_)));
    assert!(matches!(load(&whole, VOCABULARY, "{}"), LoadError::Config(_)));
    let deeper = CONFIG.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    assert!(matches!(load(&whole, VOCABULARY, &deeper), LoadError::Missing(_)));
    let wider = CONFIG.replace("\"intermediate_size\": 20", "\"intermediate_size\": 21");
    assert!(matches!(load(&whole, VOCABULARY, &wider), LoadError::Shape { .. }));
    let endless = CONFIG.replace("\"hidden_size\": 12", "\"hidden_size\": 99999999999");
    assert!(matches!(load(&whole, VOCABULARY, &endless), LoadError::Config(_)));
    let more = format!("{VOCABULARY}onemore\n");
    assert!(matches!(load(&whole, &more, CONFIG), LoadError::Vocabulary(_)));
    let relu6 = CONFIG.replace("gelu", "relu6");
    assert!(matches!(load(&whole, VOCABULARY, &relu6), LoadError::Unsupported(_)));
}

#[test]
fn a_packaged_tokenizer_gives_the_same_tokens_and_its_truncation_is_not_read() {
    let vocab: serde_json::Map<String, serde_json::Value> =
        VOCABULARY.lines().enumerate().map(|(n, word)| (word.to_owned(), n.into())).collect();
    let packaged = serde_json::json!({
        "truncation": {"max_length": 3}, "padding": {"strategy": {"Fixed": 128}},
        "normalizer": {"type": "BertNormalizer", "lowercase": true, "strip_accents": null},
        "model": {"type": "WordPiece", "vocab": vocab},
    });
    let a = WordPiece::parse(packaged.to_string().as_bytes()).expect("a tokenizer");
    let b = WordPiece::parse(VOCABULARY.as_bytes()).expect("a vocabulary");
    for text in TEXTS {
        assert_eq!(a.encode(text, 256), b.encode(text, 256), "{text:?}");
    }
    assert_eq!(b.encode("Héllo worlds 12", 256), [2, 4, 5, 6, 16, 17, 3]);
    assert_eq!(b.encode("hello zzz", 256), [2, 4, 1, 3]);
    assert_eq!(b.encode("[SEP]", 256), [2, 26, 28, 27, 3]);
    assert_eq!(b.encode(&"b".repeat(101), 256), [2, 1, 3]);
    assert_eq!(b.encode("a b c", 4), [2, 20, 21, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_gives_a_unit_vector_alone_as_in_company(text in ".{0,120}", other in ".{0,40}") {
        let (model, _) = model(3);
        let alone = model.embed(&[&text]);
        let both = model.embed(&[&other, &text, &other]);
        prop_assert_eq!(&alone[0], &both[1]);
        prop_assert_eq!(&both[0], &both[2]);
        let norm: f32 = alone[0].iter().map(|x| x * x).sum::<f32>().sqrt();
        prop_assert!((norm - 1.0).abs() < 1e-5);
    }

    #[test]
    fn any_bytes_load_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..3) {
        let whole = file(&weights(1), "");
        let mut files = [whole.as_slice(), VOCABULARY.as_bytes(), CONFIG.as_bytes()];
        files[at] = &bytes;
        let _ = Model::load("x", files[0], files[1], files[2]);
        let _ = CrossEncoder::load("x", files[0], files[1], files[2]);
    }
}
