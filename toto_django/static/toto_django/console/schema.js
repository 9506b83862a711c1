// What JSON Schemas, as the description has them, mean for a form.

const REFERENCE = "#/components/schemas/";
const TYPES = {
  string: "text",
  number: "number",
  integer: "integer",
  boolean: "boolean",
  array: "list",
  object: "object",
};
const NAMES = {
  text: "text",
  number: "number",
  integer: "whole number",
  boolean: "true or false",
  list: "list",
};

/** A schema without references and null: {schema, kind, isNullable}. No form expresses the kind "json". */
export function resolved(given, components) {
  let schema = typeof given === "object" && given !== null ? given : {};
  let isNullable = false;
  for (let steps = 0; steps < 20; steps++) {
    const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
    const alternatives = anyOf ?? oneOf;
    if (typeof $ref === "string") schema = { ...target($ref, components), ...rest };
    else if (allOf?.length === 1) schema = { ...allOf[0], ...rest };
    else if (alternatives?.length === 2 && alternatives.some(isNull)) {
      isNullable = true;
      schema = { ...alternatives.find((each) => !isNull(each)), ...rest };
    } else if (Array.isArray(schema.type) && schema.type.length === 2 && schema.type.includes("null")) {
      isNullable = true;
      schema = { ...schema, type: schema.type.find((each) => each !== "null") };
    } else break;
  }
  return { schema, kind: kindOf(schema), isNullable };
}

function target(reference, components) {
  const name = reference.startsWith(REFERENCE) ? reference.slice(REFERENCE.length) : "";
  return Object.hasOwn(components, name) ? components[name] : {};
}

function isNull(schema) {
  return schema?.type === "null";
}

function kindOf(schema) {
  if ("const" in schema || Array.isArray(schema.enum)) return "choice";
  if (schema.anyOf || schema.oneOf || schema.allOf || typeof schema.type !== "string") return "json";
  const kind = TYPES[schema.type] ?? "json";
  if (kind === "list" && (typeof schema.items !== "object" || Array.isArray(schema.items))) return "json";
  if (kind === "object" && !Object.keys(schema.properties ?? {}).length) return "json";
  return kind;
}

/** The values of a choice. */
export function choices(schema) {
  return "const" in schema ? [schema.const] : schema.enum;
}

/** Type and limits in a few words, "" where nothing is known. */
export function inWords({ schema, kind, isNullable }) {
  const words = [
    kind === "object" || kind === "choice" ? "" : (NAMES[kind] ?? jsonName(schema)),
    formatName(schema),
    range(
      schema.minimum ?? above(schema.exclusiveMinimum),
      schema.maximum ?? below(schema.exclusiveMaximum),
      "",
    ),
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minItems, schema.maxItems, "items"),
    schema.multipleOf === undefined ? "" : `a multiple of ${schema.multipleOf}`,
    schema.pattern === undefined ? "" : `pattern ${schema.pattern}`,
    isNullable ? "or null" : "",
  ];
  return words.filter(Boolean).join(", ");
}

function jsonName(schema) {
  return schema.type === "object"
    ? "object, as JSON"
    : schema.type === "array"
      ? "list, as JSON"
      : "any JSON";
}

function formatName(schema) {
  return schema.contentEncoding === "base64" ? "bytes as base64" : (schema.format ?? "");
}

function above(limit) {
  return limit === undefined ? undefined : `more than ${limit}`;
}

function below(limit) {
  return limit === undefined ? undefined : `less than ${limit}`;
}

function range(least, most, unit) {
  const counted = unit && ` ${unit}`;
  if (least !== undefined && most !== undefined) return `${least} to ${most}${counted}`;
  if (least !== undefined) return typeof least === "string" ? least : `at least ${least}${counted}`;
  if (most !== undefined) return typeof most === "string" ? most : `at most ${most}${counted}`;
  return "";
}
