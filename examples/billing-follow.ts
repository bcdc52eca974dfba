/**
 * The same as billing_follow.py in TypeScript, with a file instead of a database: the figures and the number of the last change are
 * written together, to another name, and renamed.
 *
 *   GRIDTALLY_TOKEN=gt_… node examples/billing-follow.ts http://127.0.0.1:8645 figures.json --once
 *
 * Needs Node 22.18 or newer (it runs TypeScript as it is) and nothing else.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

interface Figure {
  readonly value: string
  readonly ratio: string
  readonly primary: string
}
interface Change {
  readonly seq: number
  readonly point: string
  readonly at: string
  readonly register: string
  readonly version: number
  readonly new: Figure | null
}
interface Page {
  readonly items: readonly Change[]
  readonly next: number
  readonly more: boolean
}
interface Taken {
  seq: number
  figures: Record<string, Figure & { readonly version: number }>
}

const ask = async (url: string, since: number, waitS: number): Promise<Page> => {
  const answer = await fetch(`${url}/api/v1/billing/changes?since=${since}&limit=500&waitS=${waitS}`, {
    headers: { authorization: `Bearer ${process.env.GRIDTALLY_TOKEN}` },
    signal: AbortSignal.timeout((waitS + 30) * 1000),
  })
  if (answer.ok) return answer.json() as Promise<Page>
  if (answer.status < 500 && answer.status !== 429) throw new Error(`refused: ${await answer.text()}`)
  // Busy or stopping: nothing was taken, so the same is asked again.
  await wait(1000 * Number(answer.headers.get('retry-after') ?? 5))
  return { items: [], next: since, more: true }
}

/** Follows until everything there is has been taken, or for ever. @returns how many figures stand, and the last number */
export const follow = async (url: string, file: string, isOnce: boolean): Promise<Taken> => {
  const taken: Taken = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { seq: 0, figures: {} }
  for (;;) {
    const page = await ask(url, taken.seq, isOnce ? 0 : 15)
    for (const { point, at, register, version, new: figure } of page.items) {
      const key = `${point} ${at} ${register}`
      if (figure === null) delete taken.figures[key]
      else taken.figures[key] = { version, value: figure.value, ratio: figure.ratio, primary: figure.primary }
    }
    taken.seq = page.next
    writeFileSync(`${file}.new`, JSON.stringify(taken))
    renameSync(`${file}.new`, file)
    if (isOnce && !page.more) return taken
  }
}

const [, program = '', url, file] = process.argv
if (import.meta.url === pathToFileURL(program).href) {
  if (!url || !file) throw new Error('node billing-follow.ts URL FILE [--once]')
  const { seq, figures } = await follow(url, file, process.argv.includes('--once'))
  process.stdout.write(`${Object.keys(figures).length} figures, up to change ${seq}\n`)
}
