// What the type checker must know about modules that bring no types of their own.

declare module "portway:languages" {
  const languages: Record<string, () => Promise<Record<string, string>>>;
  export default languages;
}

declare module "@novnc/novnc" {
  export interface Credentials {
    username?: string;
    password?: string;
    target?: string;
  }

  export interface RfbOptions {
    shared?: boolean;
    credentials?: Credentials;
    repeaterID?: string;
  }

  /** The part of noVNC's documented interface that the viewer uses. */
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: object, options?: RfbOptions);
    background: string;
    readonly capabilities: { power: boolean };
    readonly clippingViewport: boolean;
    clipViewport: boolean;
    dragViewport: boolean;
    focusOnClick: boolean;
    qualityLevel: number;
    compressionLevel: number;
    resizeSession: boolean;
    scaleViewport: boolean;
    showDotCursor: boolean;
    viewOnly: boolean;
    approveServer(): void;
    blur(): void;
    focus(options?: FocusOptions): void;
    clipboardPasteFrom(text: string): void;
    disconnect(): void;
    machineShutdown(): void;
    machineReboot(): void;
    machineReset(): void;
    sendCredentials(credentials: Credentials): void;
    sendCtrlAltDel(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
    toBlob(callback: (blob: Blob | null) => void, type?: string, quality?: number): void;
  }
}

declare module "*/novnc/core/util/logging.js" {
  export function initLogging(level: "error" | "warn" | "none" | "debug" | "info"): void;
}

declare module "node:test" {
  export default function test(name: string, body: () => void | Promise<void>): void;
}

declare module "node:fs" {
  export function readFileSync(path: string, encoding: "utf8"): string;
}

declare module "node:assert/strict" {
  interface Assert {
    (value: unknown, message?: string): asserts value;
    equal<T>(actual: unknown, expected: T, message?: string): asserts actual is T;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(value: string, pattern: RegExp, message?: string): void;
  }
  const assert: Assert;
  export default assert;
}
