// Types of the wire, from the OpenAPI document (`schema.d.ts` is generated when the page is type-checked).
/** @typedef {import("./schema.js").components["schemas"]} Schemas */
/** @typedef {Schemas["Movie"]} Movie */
/** @typedef {Schemas["MoviePage"]} MoviePage */
/** @typedef {Schemas["TrainingRun"]} TrainingRun */
/** @typedef {Schemas["ModelVersion"]} ModelVersion */
/** @typedef {{type: string, title: string, status: number, detail: string, errors?: {pointer: string, message: string}[]}} Problem */
/** @typedef {{lower: number, upper: number, pairs: number, mean_predicted: number, observed: number}} Bin */
export {};
