//! A small RFB viewer: it decodes what it is sent into a picture of its own.

use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const RAW: i32 = 0;
pub const COPY_RECT: i32 = 1;
pub const TIGHT: i32 = 7;
pub const DESKTOP_SIZE: i32 = -223;
pub const CURSOR: i32 = -239;
pub const QEMU_KEY: i32 = -258;
pub const DESKTOP_NAME: i32 = -307;
pub const EXTENDED_DESKTOP_SIZE: i32 = -308;
pub const EXTENDED_CLIPBOARD: i32 = 0xc0a1_e5ce_u32 as i32;

/// Long enough for a loaded machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub struct Client {
    pub stream: TcpStream,
    pub size: (usize, usize),
    pub name: String,
    /// `0x00RRGGBB`, row by row.
    pub pixels: Vec<u32>,
    /// The encodings of all rectangles so far.
    pub seen: Vec<i32>,
    /// Reason and status of the last ExtendedDesktopSize rectangle.
    pub resized: Option<(u16, u16)>,
    /// Latin-1 texts and payloads of the extended clipboard.
    pub cut_texts: Vec<String>,
    pub extended: Vec<Vec<u8>>,
    zlib: [Option<Decompress>; 4],
}

impl Client {
    /// Connects with RFB 3.8, security None.
    pub async fn connect(port: u16) -> Self {
        let mut stream = dial(port).await;
        read::<12>(&mut stream).await;
        stream.write_all(b"RFB 003.008\n").await.unwrap();
        assert_eq!(read::<2>(&mut stream).await, [1, 1]);
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(read::<4>(&mut stream).await, [0; 4]);
        Self::init(stream).await
    }

    /// Goes on after security.
    pub async fn init(mut stream: TcpStream) -> Self {
        stream.write_all(&[1]).await.unwrap();
        let head = read::<24>(&mut stream).await;
        let size = (number(&head[0..2]), number(&head[2..4]));
        assert_eq!(&head[4..8], &[32, 24, 0, 1], "the native pixel format");
        let name = bytes(&mut stream, number(&head[20..24])).await;
        Self {
            stream,
            size,
            name: String::from_utf8(name).unwrap(),
            pixels: vec![0; size.0 * size.1],
            seen: Vec::new(),
            resized: None,
            cut_texts: Vec::new(),
            extended: Vec::new(),
            zlib: [None, None, None, None],
        }
    }

    pub async fn send(&mut self, message: &[u8]) {
        self.stream.write_all(message).await.unwrap();
    }

    pub async fn encodings(&mut self, list: &[i32]) {
        let mut message = vec![2, 0, 0, list.len() as u8];
        message.extend(list.iter().flat_map(|number| number.to_be_bytes()));
        self.send(&message).await;
    }

    pub async fn request(&mut self, incremental: u8) {
        let (w, h) = (self.size.0 as u16, self.size.1 as u16);
        let mut message = vec![3, incremental, 0, 0, 0, 0];
        message.extend(w.to_be_bytes());
        message.extend(h.to_be_bytes());
        self.send(&message).await;
    }

    pub async fn key(&mut self, keysym: u32, down: u8) {
        let mut message = vec![4, down, 0, 0];
        message.extend(keysym.to_be_bytes());
        self.send(&message).await;
    }

    pub async fn press(&mut self, keysym: u32) {
        self.key(keysym, 1).await;
        self.key(keysym, 0).await;
    }

    pub async fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            let code = u32::from(letter);
            self.press(if code < 0x100 {
                code
            } else {
                0x0100_0000 + code
            })
            .await;
        }
    }

    pub async fn pointer(&mut self, (x, y): (i32, i32), buttons: u8) {
        let mut message = vec![5, buttons];
        message.extend((x as u16).to_be_bytes());
        message.extend((y as u16).to_be_bytes());
        self.send(&message).await;
    }

    pub async fn click(&mut self, at: (i32, i32)) {
        self.pointer(at, 0).await;
        self.pointer(at, 1).await;
        self.pointer(at, 0).await;
    }

    pub async fn ask_for_size(&mut self, width: u16, height: u16) {
        let mut message = vec![251, 0];
        message.extend(width.to_be_bytes());
        message.extend(height.to_be_bytes());
        message.extend([1, 0]);
        message.extend([0; 8]);
        message.extend(width.to_be_bytes());
        message.extend(height.to_be_bytes());
        message.extend([0; 4]);
        self.send(&message).await;
    }

    /// Reads messages up to and with the next update, and draws it.
    pub async fn update(&mut self) {
        while self.message().await != 0 {}
    }

    /// Reads one message and returns its type.
    pub async fn message(&mut self) -> u8 {
        let kind = read::<1>(&mut self.stream).await[0];
        match kind {
            0 => {
                let head = read::<3>(&mut self.stream).await;
                for _ in 0..number(&head[1..3]) {
                    self.rect().await;
                }
            }
            3 => {
                let head = read::<7>(&mut self.stream).await;
                let length = number(&head[3..7]) as u32 as i32;
                let text = bytes(&mut self.stream, length.unsigned_abs() as usize).await;
                if length < 0 {
                    self.extended.push(text);
                } else {
                    self.cut_texts
                        .push(text.into_iter().map(char::from).collect());
                }
            }
            other => panic!("unexpected message {other}"),
        }
        kind
    }

    pub fn pixel(&self, x: usize, y: usize) -> u32 {
        self.pixels[y * self.size.0 + x]
    }

    async fn rect(&mut self) {
        let head = read::<12>(&mut self.stream).await;
        let [x, y, w, h] = [0, 2, 4, 6].map(|at| number(&head[at..at + 2]));
        let encoding = number(&head[8..12]) as u32 as i32;
        self.seen.push(encoding);
        match encoding {
            RAW => {
                let data = bytes(&mut self.stream, 4 * w * h).await;
                let pixel = |wire: &[u8]| u32::from_le_bytes(wire.try_into().unwrap());
                let pixels: Vec<u32> = data.chunks_exact(4).map(pixel).collect();
                self.draw((x, y, w, h), &pixels);
            }
            COPY_RECT => {
                let from = read::<4>(&mut self.stream).await;
                let (from_x, from_y) = (number(&from[0..2]), number(&from[2..4]));
                let copy: Vec<u32> = (0..h)
                    .flat_map(|row| (0..w).map(move |column| (column, row)))
                    .map(|(column, row)| self.pixel(from_x + column, from_y + row))
                    .collect();
                self.draw((x, y, w, h), &copy);
            }
            TIGHT => self.tight((x, y, w, h)).await,
            CURSOR => {
                bytes(&mut self.stream, w * h * 4 + w.div_ceil(8) * h).await;
            }
            DESKTOP_SIZE => self.resize(w, h),
            EXTENDED_DESKTOP_SIZE => {
                bytes(&mut self.stream, 20).await;
                self.resized = Some((x as u16, y as u16));
                self.resize(w, h);
            }
            DESKTOP_NAME => {
                let length = number(&read::<4>(&mut self.stream).await);
                self.name = String::from_utf8(bytes(&mut self.stream, length).await).unwrap();
            }
            QEMU_KEY => {}
            other => panic!("unexpected encoding {other}"),
        }
    }

    async fn tight(&mut self, (x, y, w, h): (usize, usize, usize, usize)) {
        let control = read::<1>(&mut self.stream).await[0];
        let rgb = |wire: &[u8]| number(wire) as u32;
        assert_eq!(control & 0x0f, 0, "streams are never reset");
        if control == 0x80 {
            let colour = rgb(&read::<3>(&mut self.stream).await);
            return self.draw((x, y, w, h), &vec![colour; w * h]);
        }
        let stream = usize::from(control >> 4 & 3);
        let palette: Vec<u32> = if control & 0x40 == 0 {
            Vec::new()
        } else {
            let [filter, last] = read::<2>(&mut self.stream).await;
            assert_eq!(filter, 1, "the palette filter");
            let colours = bytes(&mut self.stream, 3 * (usize::from(last) + 1)).await;
            colours.chunks_exact(3).map(rgb).collect()
        };
        let length = match palette.len() {
            0 => 3 * w * h,
            2 => w.div_ceil(8) * h,
            _ => w * h,
        };
        let data = self.inflate(stream, length).await;
        let pixels: Vec<u32> = match palette.len() {
            0 => data.chunks_exact(3).map(rgb).collect(),
            2 => {
                let bit = |row: &[u8], x: usize| usize::from(row[x / 8] >> (7 - x % 8) & 1);
                let rows = data.chunks_exact(w.div_ceil(8));
                rows.flat_map(|row| (0..w).map(move |x| bit(row, x)))
                    .map(|index| palette[index])
                    .collect()
            }
            _ => data
                .iter()
                .map(|index| palette[usize::from(*index)])
                .collect(),
        };
        self.draw((x, y, w, h), &pixels);
    }

    async fn inflate(&mut self, stream: usize, length: usize) -> Vec<u8> {
        if length < 12 {
            return bytes(&mut self.stream, length).await;
        }
        let mut packed = 0;
        for shift in [0, 7, 14] {
            let byte = usize::from(read::<1>(&mut self.stream).await[0]);
            let mask = if shift == 14 { 0xff } else { 0x7f };
            packed |= (byte & mask) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let packed = bytes(&mut self.stream, packed).await;
        let zlib = self.zlib[stream].get_or_insert_with(|| Decompress::new(true));
        // One byte more than expected would show that too much was sent.
        let mut data = Vec::with_capacity(length + 1);
        zlib.decompress_vec(&packed, &mut data, FlushDecompress::Sync)
            .unwrap();
        assert_eq!(data.len(), length);
        data
    }

    fn draw(&mut self, (x, y, w, h): (usize, usize, usize, usize), pixels: &[u32]) {
        assert_eq!(pixels.len(), w * h);
        assert!(
            x + w <= self.size.0 && y + h <= self.size.1,
            "{x},{y} {w}x{h} is outside"
        );
        for (row, line) in pixels.chunks_exact(w).enumerate() {
            let start = (y + row) * self.size.0 + x;
            self.pixels[start..start + w].copy_from_slice(line);
        }
    }

    fn resize(&mut self, w: usize, h: usize) {
        let old = std::mem::replace(&mut self.pixels, vec![0; w * h]);
        let (old_w, old_h) = std::mem::replace(&mut self.size, (w, h));
        for y in 0..h.min(old_h) {
            let kept = w.min(old_w);
            self.pixels[y * w..y * w + kept].copy_from_slice(&old[y * old_w..y * old_w + kept]);
        }
    }
}

pub async fn dial(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

pub async fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut buffer = [0; N];
    let reading = stream.read_exact(&mut buffer);
    tokio::time::timeout(DEADLINE, reading)
        .await
        .expect("the server is silent")
        .unwrap();
    buffer
}

pub async fn bytes(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut buffer = vec![0; length];
    let reading = stream.read_exact(&mut buffer);
    tokio::time::timeout(DEADLINE, reading)
        .await
        .expect("the server is silent")
        .unwrap();
    buffer
}

/// Big-endian, of any length up to four bytes.
fn number(wire: &[u8]) -> usize {
    wire.iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}
