// Reads JSON that came from outside: what is missing or odd becomes a blank, never an exception.

export class FieldsOf {
  readonly #fields: Record<string, unknown>;

  /** Anything that is no object has no fields. */
  constructor(value: unknown) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    this.#fields = isObject ? (value as Record<string, unknown>) : {};
  }

  has(name: string): boolean {
    return name in this.#fields;
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === "string" ? value : "";
  }

  /** A name, which some write as a number. */
  id(name: string): string {
    const value = this.#fields[name];
    return typeof value === "number" ? String(value) : this.text(name);
  }

  number(name: string): number | null {
    const value = this.#fields[name];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  }

  flag(name: string): boolean {
    return this.#fields[name] === true;
  }

  /** True unless it is said to be false. */
  flagOr(name: string, otherwise: boolean): boolean {
    const value = this.#fields[name];
    return typeof value === "boolean" ? value : otherwise;
  }

  object(name: string): FieldsOf {
    return new FieldsOf(this.#fields[name]);
  }

  list(name: string): unknown[] | null {
    const value = this.#fields[name];
    return Array.isArray(value) ? value : null;
  }
}

/** What somebody may do, from least to most. */
export type Role = "none" | "view" | "control" | "admin";

const ROLES: readonly Role[] = ["none", "view", "control", "admin"];

/** The role in `role`; a list without one lets all be done, as the gateway decides anyway. */
export function roleOf(fields: FieldsOf): Role {
  return ROLES.find((role) => role === fields.text("role")) ?? "admin";
}

export function atLeast(role: Role, wanted: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}
