//! The published weights against the vectors that their authors' library gives: the first numbers of
//! some, to 1e-4.

use std::path::{Path, PathBuf};

use impresario_embed::Model;

/// Text, tokens, first numbers of its vector.
const GOLDEN: &[(&str, usize, [f32; 8])] = &[
    (
        "Hello world",
        4,
        [-0.0344773, 0.0310233, 0.006735, 0.0261089, -0.039362, -0.1603025, 0.066924, -0.0064414],
    ),
    (
        "Where is my order? It should have arrived on Monday.",
        14,
        [-0.0245748, 0.0150502, 0.0450446, 0.0201915, 0.0196158, 0.0296492, -0.064657, 0.0070161],
    ),
    (
        "Our churn dropped by 12% quarter over quarter.",
        13,
        [
            0.0496555, -0.0290659, -0.0341113, -0.0250123, 0.0413142, -0.0117789, -0.0165465,
            0.0384498,
        ],
    ),
    (
        " ",
        2,
        [-0.1188384, 0.0482987, -0.0025481, -0.0110112, 0.0519508, 0.0102917, 0.1154333, 0.0007008],
    ),
    (
        "ÜBER naïve café — Ærøskøbing",
        12,
        [0.0120435, 0.0393421, 0.0292299, -0.0335369, 0.0101448, 0.0067004, 0.051472, -0.0357456],
    ),
    (
        "我的订单在哪里?",
        10,
        [0.0067556, 0.0597778, 0.094011, 0.0245089, -0.0093677, -0.0245164, 0.1404877, -0.059261],
    ),
    (
        "😀 love it!!! 👍",
        9,
        [0.0273988, 0.008301, 0.0737337, 0.0198195, -0.0310329, -0.0224974, 0.083542, -0.0351286],
    ),
    (
        "supercalifragilisticexpialidocious antidisestablishmentarianism",
        21,
        [
            0.0398673, -0.0108839, -0.0026861, 0.0023986, -0.0748916, -0.0268869, 0.0667133,
            -0.0070655,
        ],
    ),
];

/// Which two of them, and their cosine: all numbers count in it.
const COSINES: &[(usize, usize, f32)] =
    &[(0, 1, 0.088935), (1, 6, 0.123252), (1, 4, 0.121945), (6, 7, 0.041026), (2, 5, 0.016530)];

/// `IMPRESARIO_MODEL_DIR`, or where `cargo xtask test` puts the weights.
fn folder() -> PathBuf {
    std::env::var_os("IMPRESARIO_MODEL_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/all-minilm-l6-v2"),
        PathBuf::from,
    )
}

#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn model() -> Option<Model> {
    let folder = folder();
    let read = |name: &str| std::fs::read(folder.join(name));
    let files = (read("model.safetensors"), read("vocab.txt"), read("config.json"));
    let (Ok(weights), Ok(vocabulary), Ok(config)) = files else {
        // Where the weights are promised, their absence is a failure.
        let promised = ["CI", "IMPRESARIO_MODEL_DIR"].map(|name| std::env::var_os(name).is_some());
        assert!(!promised.contains(&true), "no weights in {}", folder.display());
        eprintln!(
            "NOT TESTED: no weights in {}; `cargo xtask test` fetches them",
            folder.display()
        );
        return None;
    };
    Some(Model::load("all-minilm-l6-v2", &weights, &vocabulary, &config).expect("the weights fit"))
}

#[test]
fn kno_10_vectors_are_those_of_the_reference() {
    let Some(model) = model() else { return };
    assert_eq!(model.dimension(), 384);
    assert_eq!(model.id(), "all-minilm-l6-v2@368f4b194636d856");
    let texts: Vec<&str> = GOLDEN.iter().map(|(text, ..)| *text).collect();
    let vectors = model.embed(&texts);
    for ((text, tokens, golden), vector) in GOLDEN.iter().zip(&vectors) {
        assert_eq!(model.tokens(text), *tokens, "{text}");
        for (ours, theirs) in vector.iter().zip(golden) {
            assert!((ours - theirs).abs() < 1e-4, "{text}: {ours} {theirs}");
        }
    }
    for (a, b, golden) in COSINES {
        let cosine: f32 = vectors[*a].iter().zip(&vectors[*b]).map(|(a, b)| a * b).sum();
        assert!((cosine - golden).abs() < 1e-4, "{a} {b}: {cosine} {golden}");
    }
}

#[test]
fn kno_27_the_same_text_gives_the_same_vector_in_every_batch() {
    let Some(model) = model() else { return };
    let texts: Vec<&str> = GOLDEN.iter().map(|(text, ..)| *text).collect();
    let together = model.embed(&texts);
    for (text, vector) in texts.iter().zip(&together) {
        assert_eq!(&model.embed(&[text])[0], vector, "{text}");
    }
    assert_eq!(together, model.embed(&texts));
}

#[test]
fn long_texts_are_cut_at_256_tokens() {
    let Some(model) = model() else { return };
    let long = "refund ".repeat(254);
    let longer = format!("{long} and nothing of this counts");
    assert!(model.tokens(&longer) > 256);
    assert_eq!(model.embed(&[&long]), model.embed(&[&longer]));
}
