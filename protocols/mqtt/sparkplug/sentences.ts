import type { PushOutcome } from '../../../src/core/push.ts'

/** One thing the session did with a message, in words, and the words under which it may be found elsewhere. */
export interface Deed {
  readonly sentence: string
  readonly like: RegExp
  /** Names and numbers the words may contain. */
  readonly about: readonly string[]
}

/** Who a message was about. */
export interface Subject {
  readonly node: string
  readonly device: string | null
}

const has = (list: readonly { readonly code: string }[], code: string): boolean => list.some((item) => item.code === code)

/** What the session did with one message, told from its outcome alone. */
export const deedsOf = (outcome: PushOutcome, { node, device }: Subject): Deed[] => {
  const about = [node, ...(device === null ? [] : [device])]
  const unresolved = has(
    outcome.skipped.map(({ error }) => error),
    'SPARKPLUG_ALIAS',
  )
  const asked = outcome.answers.length > 0
  const gone = outcome.presence.filter(({ online }) => !online)
  const came = outcome.presence.filter(({ online }) => online)
  const values = outcome.records.reduce((sum, { values: { length } }) => sum + length, 0)
  const nulls = outcome.skipped.flatMap(({ path, error }) => (error.code === 'SPARKPLUG_NULL' ? path.split(' ') : []))
  const deeds: (Deed | false)[] = [
    asked && unresolved && { sentence: 'request rebirth; the alias cannot be resolved', like: /rebirth.*alias|alias.*rebirth/i, about },
    asked && { sentence: 'request rebirth', like: /^(?!.*\b(no|not|without|ignore)\b).*rebirth(?!.*alias)/i, about },
    outcome.rule === 'sparkplug/NDEATH' &&
      gone.length > 0 && { sentence: `mark node ${node} and all its devices offline`, like: /node.*(offline|stale)/i, about },
    outcome.rule === 'sparkplug/DDEATH' &&
      gone.length > 0 && { sentence: `mark all metrics of ${device} stale`, like: /(metric|device).*(stale|offline)/i, about },
    outcome.discard === 'old-will' && {
      sentence: 'ignore: will of an earlier session delivered late',
      like: /ignore.*(earlier|old|late|will|bdSeq)/i,
      about: [...about, 'bdSeq'],
    },
    outcome.discard === 'unborn-will' && {
      sentence: 'ignore: will of a session whose birth was not seen',
      like: /ignore.*(will|bdSeq|session)/i,
      about: [...about, 'bdSeq'],
    },
    outcome.discard === 'command' && { sentence: 'ignore: a command', like: /ignore.*(command|own)|^command/i, about },
    outcome.discard === 'host-state' && { sentence: 'ignore: state of a host application', like: /ignore.*(host|state)/i, about },
    outcome.rule === 'sparkplug/NBIRTH' &&
      came.length > 0 && {
        sentence: 'replace all metrics and aliases of the node',
        like: /(replace|new|reset|rebuild).*(alias|metric|session)/i,
        about,
      },
    outcome.rule === 'sparkplug/DBIRTH' &&
      came.length > 0 && { sentence: `replace the metrics of ${device}`, like: /(replace|new).*(alias|metric)/i, about },
    outcome.records.some(({ historical }) => historical) && {
      sentence: 'store as historical, never as the present value',
      like: /(store|keep).*(histor|present|current)/i,
      about,
    },
    nulls.length > 0 && {
      sentence: values > 0 ? `store nothing for ${nulls.join(' ')}` : 'store nothing',
      like: /store nothing|nothing to store|no value/i,
      about: [...about, ...nulls],
    },
  ]
  return deeds.filter((deed) => deed !== false)
}

/** What the session said about the counter. */
export const sequenceOf = (outcome: PushOutcome): Deed => {
  const finding = outcome.findings.find(({ code }) => code === 'SPARKPLUG_GAP' || code === 'SPARKPLUG_UNBORN')
  if (!finding) return { sentence: 'ok', like: /^ok\b/i, about: [] }
  if (finding.code === 'SPARKPLUG_UNBORN')
    return { sentence: finding.message, like: /no (n?birth|birth seen)|before (n?birth|its birth)|unborn/i, about: [] }
  const numbers = finding.message.match(/\d+/g) ?? []
  return {
    sentence: finding.message,
    like: /gap|missing|lost|skipped|out of (order|sequence)/i,
    about: [...numbers, ...between(finding.message)],
  }
}

/** The numbers a gap leaves out, which other words for it may list. */
const between = (message: string): string[] => {
  const [seq = 0, after = 0, missing = 0] = (message.match(/\d+/g) ?? []).map(Number)
  return seq === after ? [] : Array.from({ length: missing }, (_, at) => String((after + 1 + at) % 256))
}

const NEGATION = /^(not|no|never|without)\b/i

/**
 * Whether words say what was done: the same sentence, or one of the same sense that denies nothing else and names nobody and no
 * number that has no part in it.
 */
export const says = (words: string, { sentence, like, about }: Deed): boolean => {
  if (words === sentence) return true
  const denied = NEGATION.exec(words)?.[0].toLowerCase()
  if (denied !== undefined && denied !== NEGATION.exec(sentence)?.[0].toLowerCase()) return false
  return like.test(words) && (words.match(/\b[\w-]*\d[\w-]*\b/g) ?? []).every((word) => about.includes(word))
}
