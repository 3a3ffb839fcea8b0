/**
 * The bounds of fields, out of the server's description of itself. They are checked while somebody types;
 * the server checks again, and what it says stands beside the field too.
 */

import schemas from "virtual:bounds";

export interface FieldSchema {
  type?: string | string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  items?: FieldSchema;
  anyOf?: FieldSchema[];
}

export interface ObjectSchema {
  properties: Record<string, FieldSchema>;
}

export type Body = "CreateKey" | "UpdateKey" | "RotateKey" | "CreateGroup" | "CreateOrganization";

export function boundsOf(body: Body, field: string): FieldSchema {
  return schemas[body]?.properties[field] ?? {};
}

/** What is wrong with a value, as the end of a sentence that begins with the field; null if nothing is. */
export function faultOf(schema: FieldSchema, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return faultOfList(schema, value);
  if (typeof value === "number") return faultOfNumber(schema, value);
  const text = String(value);
  const length = [...text].length;
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  if (length < minLength) return minLength === 1 ? "must not be empty" : `must have at least ${minLength} characters`;
  if (length > maxLength) return `must have at most ${maxLength} characters; it has ${length}`;
  if (pattern && !new RegExp(pattern, "u").test(text)) return inWords(pattern, text);
  return null;
}

function faultOfList(schema: FieldSchema, values: unknown[]): string | null {
  if (values.length > (schema.maxItems ?? Infinity)) return `can hold at most ${schema.maxItems}; there are ${values.length}`;
  for (const value of values) {
    const fault = schema.items && faultOf(schema.items, value);
    if (fault) return `“${value}” ${fault}`;
  }
  return null;
}

function faultOfNumber({ minimum = -Infinity, maximum = Infinity }: FieldSchema, value: number): string | null {
  if (!Number.isInteger(value)) return "must be a whole number";
  if (value >= minimum && value <= maximum) return null;
  return Number.isFinite(maximum) && maximum < Number.MAX_SAFE_INTEGER
    ? `must be ${minimum.toLocaleString()} to ${maximum.toLocaleString()}`
    : `must be ${minimum.toLocaleString()} or more`;
}

/** A pattern says what is right; people want to know what is wrong. */
function inWords(pattern: string, text: string): string {
  if (/\s/.test(text) && !pattern.includes("\\s")) return "must not have spaces";
  if (!text.trim()) return "must not be empty";
  if (pattern.includes("A-Za-z0-9._-")) return "may have letters, digits, “-”, “_” and “.” only";
  if (pattern.startsWith("^[!#")) return "may have printable ASCII characters only, without spaces, quotes and backslashes";
  return "has a character that is not allowed";
}
