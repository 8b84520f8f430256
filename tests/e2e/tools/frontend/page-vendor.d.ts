// The parts of Preact and htm that the built-in page uses.
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => unknown;
export const render: (node: unknown, parent: Element) => void;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((last: T) => T)) => void];
export function useEffect(effect: () => void | (() => void), keys?: unknown[]): void;
export function useRef<T>(initial: T): { current: T };
export function useMemo<T>(make: () => T, keys: unknown[]): T;
