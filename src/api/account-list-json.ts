import type { FastifyRequest } from 'fastify'
import type { KeyAccountView, KeyCheckView } from './account-list-deps.ts'
import { nameFor } from './personal.ts'
import { iso, isoOrNull } from './routes/common.ts'

type Asker = Pick<FastifyRequest, 'who'>
/** A name as somebody may see it. */
export const shownName = (request: Asker, name: string | null): string | null =>
  name === null ? null : nameFor(request, { name, namesPerson: true })
export const accountJson = (request: Asker, { given, name, reasons, notes, ...account }: KeyAccountView) => ({
  ...account,
  name: shownName(request, name),
  reasons: [...reasons],
  given: given && { ...given, at: iso(given.at) },
  notes: notes.map(({ zh, en }) => ({ zh, en })),
})

export const checkJson = (request: Asker, { points, customer, name, checked }: KeyCheckView) => ({
  ...{ customer, name: shownName(request, name), checked },
  points: points.map((one) => ({ ...one, goodAt: isoOrNull(one.goodAt), newestAt: isoOrNull(one.newestAt) })),
})
