import type { Access } from './gaps.ts'
import { CommandFailed, EXIT } from './output.ts'

/** A page is text, and no JSON. */
export const pageOf = async (
  { url, token = process.env.GRIDTALLY_TOKEN }: Access,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<string> => {
  if (!token) throw new CommandFailed('a token is needed: --token gt_…, or GRIDTALLY_TOKEN in the environment', EXIT.usage)
  const address = new URL(`/api/v1${path}`, url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value)
  let response: Response
  try {
    response = await fetch(address, { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(60_000) })
  } catch (error) {
    throw new CommandFailed(`${url} cannot be reached: ${error instanceof Error ? error.message : String(error)}`)
  }
  const text = await response.text()
  if (response.ok) return text
  throw new CommandFailed(`${url} answered ${response.status}: ${detailOf(text)}`)
}

const detailOf = (text: string): string => {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null && 'detail' in body ? String(body.detail) : text
  } catch {
    return text
  }
}
