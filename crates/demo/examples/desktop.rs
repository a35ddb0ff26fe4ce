//! Serves the built-in desktop on a loopback port, for any VNC viewer: `desktop [PORT]`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(5900);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("the desktop is at {}", listener.local_addr()?);
    demo::serve(listener, demo::Options::default()).await
}
