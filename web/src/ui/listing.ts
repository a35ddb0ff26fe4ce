// What the gateway's lists have in common: what is listed, who asks, and what that person may do.

import { FieldsOf, roleOf, type Role } from "./fields-of.ts";

export interface Listing<Item> {
  role: Role;
  user: string;
  /** There is a sign-in to forget. */
  signOut: boolean;
  items: Item[];
}

/** Reads the list `name`; what `read` makes nothing of is left out. Null if there is no list. */
export function readListing<Item>(
  answer: unknown,
  name: string,
  read: (value: unknown) => Item | null,
): Listing<Item> | null {
  const fields = new FieldsOf(answer);
  const list = fields.list(name);
  if (list === null) {
    return null;
  }
  return {
    role: roleOf(fields),
    user: fields.text("user"),
    signOut: fields.flag("sign_out"),
    items: list.map(read).filter((one) => one !== null),
  };
}
