//! `provider-farm [address]`: serves the farm, on 127.0.0.1:8099 unless told otherwise, and writes
//! where to standard output.

use std::io::Write as _;
use std::net::SocketAddr;

use impresario_farm::Farm;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address: SocketAddr = address.as_deref().unwrap_or("127.0.0.1:8099").parse()?;
    let running = Farm::new().start(address).await?;
    writeln!(std::io::stdout(), "provider farm on http://{}", running.address)?;
    running.forever().await?;
    Ok(())
}
