/** Cursors are opaque to clients: JSON as base64url. */
export const cursorOf = (content: readonly (string | number)[]): string => Buffer.from(JSON.stringify(content)).toString('base64url')

/**
 * Reads a cursor of ours.
 *
 * @param form  the types it must have, in order
 * @returns     null when it is not one
 */
export const readCursor = (text: string, form: readonly ('string' | 'number')[]): readonly (string | number)[] | null => {
  try {
    const content: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(content) && content.length === form.length && content.every((part, at) => typeof part === form[at])
      ? content
      : null
  } catch {
    return null
  }
}
