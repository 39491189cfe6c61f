//! Measures what sealing costs: `cargo run --release -p impresario-vault --example seal_bench`

use std::error::Error;
use std::hint::black_box;
use std::io::{Write as _, stdout};
use std::time::Instant;

use impresario_ids::TenantId;
use impresario_vault::{MasterKey, Vault};

const ROUNDS: u32 = 500_000;

fn main() -> Result<(), Box<dyn Error>> {
    let tenant = TenantId::from_bytes([1; 16]);
    let vault = Vault::open(MasterKey::generate()?, [])?;
    vault.activate(tenant, &vault.provision(tenant)?)?;
    let aad = [9; 41];
    for size in [30, 300, 3000] {
        let plain = vec![7; size];
        let sealed = vault.seal(tenant, &aad, &plain)?;
        let seal = time(|| vault.seal(tenant, &aad, black_box(&plain)).is_ok());
        let open = time(|| vault.open_sealed(tenant, &aad, black_box(&sealed)).is_ok());
        let blind = time(|| vault.blind(tenant, 1, black_box(&plain)).is_ok());
        writeln!(
            stdout(),
            "{size:5} bytes: seal {seal:6.0} ns, open {open:6.0} ns, blind {blind:6.0} ns"
        )?;
    }
    Ok(())
}

fn time(mut act: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(act());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
