// The identity of a machine that proves itself with an RSA key (security types RA2): its
// fingerprint, and whether the person has approved it here before.

import { browser } from "../ui/storage.ts";

export interface Fingerprint {
  /** SHA-256 of the public key, in pairs. */
  sha256: string;
  /** The first eight bytes of its SHA-1, the form that TigerVNC's own viewer shows. */
  short: string;
}

/** Keys that were approved, per desktop. */
export class KnownMachines {
  readonly #key: string;

  private constructor(key: string) {
    this.#key = key;
  }

  /** `endpoint` tells desktops apart; it is hashed, since it may carry a token. */
  static async of(endpoint: string): Promise<KnownMachines> {
    const digest = await hex("SHA-256", new TextEncoder().encode(endpoint));
    return new KnownMachines(`portway:identity:${digest.slice(0, 32)}`);
  }

  verdict({ sha256 }: Fingerprint): "known" | "new" | "changed" {
    const kept = browser.recall(this.#key);
    return kept === null ? "new" : kept === sha256 ? "known" : "changed";
  }

  approve({ sha256 }: Fingerprint): void {
    // Without storage the person is asked again next time.
    browser.keep(this.#key, sha256);
  }
}

/** The fingerprint of a public key in noVNC's representation. */
export async function fingerprint(publicKey: Uint8Array<ArrayBuffer>): Promise<Fingerprint> {
  const sha1 = await hex("SHA-1", publicKey);
  const pairs = (text: string, separator: string) => text.match(/../g)?.join(separator) ?? "";
  return {
    sha256: pairs(await hex("SHA-256", publicKey), ":"),
    short: pairs(sha1.slice(0, 16), "-"),
  };
}

async function hex(algorithm: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest(algorithm, bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
