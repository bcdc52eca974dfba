import { CommandFailed, EXIT } from './output.ts'

/** Where the API is, and who asks. */
export interface ApiPlace {
  readonly url: string
  /** GRIDTALLY_TOKEN of the environment when there is none. */
  readonly token?: string
}

/**
 * One request to the API of a running gateway.
 *
 * @param path  below the address: `/api/v1/lines`; members of `query` that are not there are left out
 * @throws      CommandFailed without a token (wrong usage) and when nobody answers; an answer that refuses is the caller's to tell
 */
export const reached = async (
  { url, token = process.env.GRIDTALLY_TOKEN }: ApiPlace,
  path: string | URL,
  query: Readonly<Record<string, string | undefined>> = {},
  { headers, ...init }: RequestInit & { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> => {
  if (!token)
    throw new CommandFailed(
      'a token is needed: --token gt_…, or GRIDTALLY_TOKEN in the environment; gridtally token add makes one',
      EXIT.usage,
    )
  const address = new URL(path, url)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) address.searchParams.set(name, value)
  try {
    return await fetch(address, { ...init, headers: { authorization: `Bearer ${token}`, ...headers } })
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new CommandFailed(`${url} cannot be reached: ${cause}; is gridtally run under way, and is that its address?`)
  }
}

/** Why an answer refuses, with the places that are wrong and the cure. */
export const refusalOf = async (url: string, response: Response): Promise<CommandFailed> => {
  const members = await membersOf(response)
  const wrong = Array.isArray(members.errors) ? ` (${members.errors.map((one) => `${one.place}: ${one.allowed}`).join('; ')})` : ''
  const text = `${String(members.detail ?? response.statusText)}${wrong}${members.hint ? `; ${String(members.hint)}` : ''}`
  return new CommandFailed(`${url} answered ${response.status}: ${text}`, response.status === 400 ? EXIT.usage : EXIT.failed)
}

/** A question that is answered with one JSON object. @throws  CommandFailed when it is not */
export const asked = async (
  place: ApiPlace,
  path: string | URL,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<Readonly<Record<string, unknown>>> => {
  const response = await reached(place, path, query, { signal: AbortSignal.timeout(60_000) })
  if (!response.ok) throw await refusalOf(place.url, response)
  return membersOf(response)
}

/**
 * A question that is answered with lists in pages, with all items of one of them; of the rest what the first page has.
 *
 * @param list  the member that is the list
 */
export const askedWhole = async (
  place: ApiPlace,
  path: string | URL,
  query: Readonly<Record<string, string | undefined>> = {},
  list = 'items',
): Promise<Readonly<Record<string, unknown>>> => {
  const { next, ...whole } = await asked(place, path, query)
  const items = [whole[list] ?? []].flat()
  for (let cursor = next; typeof cursor === 'string'; ) {
    const page = await asked(place, path, { ...query, cursor })
    items.push(...[page[list] ?? []].flat())
    cursor = page.next
  }
  return { ...whole, [list]: items }
}

const membersOf = async (response: Response): Promise<Readonly<Record<string, unknown>>> => {
  const body: unknown = await response.json().catch(() => null)
  return typeof body === 'object' && body !== null ? { ...body } : {}
}
