// Types of the wire, from the OpenAPI document (`schema.d.ts` is generated when the page is type-checked).
/** @typedef {import("./schema.js").paths} Paths */
/** @typedef {import("./schema.js").components["schemas"]} Schemas */
/** @typedef {Schemas["Movie"]} Movie */
/** @typedef {Schemas["MoviePage"]} MoviePage */
/** @typedef {Schemas["Recommendation"]} Recommendation */
/** @typedef {Schemas["Reason"]} Reason */
/** @typedef {Schemas["TrainingRun"]} TrainingRun */
/** @typedef {Schemas["ModelVersion"]} ModelVersion */
/** @typedef {Schemas["ReliabilityBin"]} Bin */
/** @typedef {{type: string, title: string, status: number, detail: string, errors?: {pointer: string, message: string}[]}} Problem */

/**
 * The GET operations by their path below the base path.
 * @typedef {{[Path in keyof Paths as Path extends `/api/rest/v1/${infer Short}` ? Paths[Path] extends {get: object} ? Short : never : never]: Paths[Path]["get"]}} Reads
 */
/**
 * What an operation answers.
 * @template Operation
 * @typedef {Operation extends {responses: {200: {content: {"application/json": infer Body}}}} ? Body : never} Answer
 */
/**
 * The names of an operation's parameters: those of its path must be there, those of its query may. A value of a query that is undefined, null, false or
 * "" is left out.
 * @template Operation
 * @typedef {(Operation extends {parameters: {path: infer InPath}} ? InPath : {}) & (Operation extends {parameters: {query?: infer InQuery}}
 *   ? [NonNullable<InQuery>] extends [never] ? {} : {[Name in keyof NonNullable<InQuery>]?: unknown} : {})} Values
 */

/**
 * An event of an element.
 * @template {Element} Target
 * @typedef {Event & {currentTarget: Target}} On
 */
export {};
