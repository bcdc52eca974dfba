/** Cursors are opaque to clients: JSON as base64url. */
export const cursorOf = (content: readonly (string | number)[]): string => Buffer.from(JSON.stringify(content)).toString('base64url')

/** @source ECMA-262, time values */
const MOST = 8.64e15

/**
 * Reads a cursor of ours. No number in it, which may be an instant, is one that `Date` cannot hold.
 *
 * @param form  the types it must have, in order
 * @returns     null when it is not one
 */
export const readCursor = (text: string, form: readonly ('string' | 'number')[]): readonly (string | number)[] | null => {
  try {
    const content: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(content) &&
      content.length === form.length &&
      content.every((part, at) => typeof part === form[at] && (typeof part !== 'number' || Math.abs(part) <= MOST))
      ? content
      : null
  } catch {
    return null
  }
}
