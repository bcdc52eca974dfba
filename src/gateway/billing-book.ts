import type { AskBilling, BillingCalls, ReleasedBook, Version } from '../billing/index.ts'
import { PartFailed } from '../core/index.ts'

/** Asks the book, or throws: the API answers that it is out, and nobody takes an empty answer for "nothing was released". */
export const askOrThrow = async <Call extends keyof BillingCalls>(
  ask: AskBilling,
  call: Call,
  request: BillingCalls[Call]['request'],
): Promise<BillingCalls[Call]['answer']> => {
  const answer = await ask(call, request)
  if (!answer.ok) throw new PartFailed(answer.error)
  return answer.value
}

/** Newest versions of the registers of points at an instant, withdrawn ones too. @throws  when the book cannot be read */
export const versionsAt =
  (ask: AskBilling) =>
  async (at: number, points: readonly string[]): Promise<ReadonlyMap<string, readonly Version[]>> => {
    const found: [string, Version[]][] = JSON.parse(await askOrThrow(ask, 'current', { at, points }))
    return new Map(found)
  }

/** What was released, as the list of readings asks for it. @throws  when the book cannot be read */
export const releasedBook = (ask: AskBilling): ReleasedBook => ({
  releasedAt: async (at, points) => {
    const found = await versionsAt(ask)(at, points)
    return new Map(
      [...found].map(([point, versions]) => [point, versions.map((version) => ({ ...version, withdrawn: version.kind === 'withdrawn' }))]),
    )
  },
  holdsAt: async (at, points) => {
    const held = await askOrThrow(ask, 'held', { at, points })
    return new Map([...held].map(([point, { by, why }]) => [point, { by: by.name, why }]))
  },
})
