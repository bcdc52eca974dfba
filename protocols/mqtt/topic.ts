/** Longest topic that is looked at: MQTT allows 65,535 bytes, no meter needs them. */
export const LONGEST_TOPIC = 1024

/** One level of a pattern. */
type Level =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'one'; readonly name: string | null }
  /** A capture with text before or behind it: `em-{device}`. */
  | { readonly kind: 'cut'; readonly name: string; readonly pattern: NamePattern }
  | { readonly kind: 'many'; readonly name: string | null }

/** A topic pattern, ready to be matched. */
export interface TopicPattern {
  readonly text: string
  /** Names of its captures. */
  readonly names: readonly string[]
  /** The MQTT filter that brings every topic the pattern matches, and perhaps more. */
  readonly filter: string
  /** Captures by name; null when the topic does not match. Linear in the number of levels. */
  match(levels: readonly string[]): Readonly<Record<string, string>> | null
}

const NAME = /^[a-z][A-Za-z0-9]*$/

/**
 * Reads a topic pattern: an MQTT filter in which `{name}` stands for one level, `em-{name}` for one with that prefix, and `{name#}`
 * for one or more, once, anywhere. `zigbee2mqtt/{device#}/availability` takes names with slashes.
 *
 * @returns  what is wrong, in words, or the pattern
 * @source   MQTT 3.1.1, 4.7 topic names and topic filters
 */
export const parsePattern = (text: string): TopicPattern | string => {
  if (text === '') return 'is empty'
  if (text.length > LONGEST_TOPIC) return `is longer than ${LONGEST_TOPIC} characters`
  const levels: Level[] = []
  const names: string[] = []
  let many = -1
  for (const [at, part] of text.split('/').entries()) {
    const named = /^\{([^{}#]*)(#?)\}$/.exec(part)
    const isMany = part === '#' || named?.[2] === '#'
    const cut = !named && part.includes('{') ? parseNamePattern(part) : null
    const name = named?.[1] ?? (typeof cut === 'string' ? null : (cut?.capture ?? null))
    if (isMany) {
      if (many >= 0) return `has two levels that stand for many, "${text.split('/')[many]}" and "${part}"`
      many = at
    }
    if (typeof cut === 'string' || (cut && /[+#]/.test(part)))
      return `has the level "${part}"; a level holds one {name}, with text around it or {name#} alone`
    if (name !== null) {
      if (!NAME.test(name)) return `has the capture "{${name}}"; a name begins with a small letter and holds letters and digits`
      if (names.includes(name)) return `has the capture "{${name}}" twice`
      names.push(name)
    }
    if (cut && name !== null) levels.push({ kind: 'cut', name, pattern: cut })
    else if (named) levels.push({ kind: isMany ? 'many' : 'one', name })
    else if (isMany) levels.push({ kind: 'many', name: null })
    else if (part === '+') levels.push({ kind: 'one', name: null })
    else if (/[+#{}]/.test(part)) return `has the level "${part}"; + # and {name} stand for whole levels`
    else levels.push({ kind: 'text', text: part })
  }
  const filter = (many < 0 ? levels : levels.slice(0, many + 1))
    .map((level) => (level.kind === 'text' ? level.text : level.kind === 'many' ? '#' : '+'))
    .join('/')
  return { text, names, filter, match: (topic: readonly string[]) => match(levels, many, topic) }
}

const NO_CAPTURES: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

const match = (pattern: readonly Level[], many: number, topic: readonly string[]): Readonly<Record<string, string>> | null => {
  // Wildcards in front never take the broker's own topics. @source MQTT 3.1.1, 4.7.2
  if (pattern[0]?.kind !== 'text' && topic[0]?.startsWith('$')) return null
  // A # that ends a filter also matches the level above it; a named one must name something.
  const least =
    many >= 0 && pattern[many]?.kind === 'many' && isBare(pattern[many]) && many === pattern.length - 1
      ? pattern.length - 1
      : pattern.length
  if (many < 0 ? topic.length !== pattern.length : topic.length < least) return null
  let captures: Record<string, string> | null = null
  const after = many < 0 ? 0 : pattern.length - 1 - many
  for (let at = 0; at < pattern.length; at++) {
    const level = pattern[at]!
    const place = many >= 0 && at > many ? topic.length - after + (at - many - 1) : at
    if (level.kind === 'text') {
      if (topic[place] !== level.text) return null
    } else if (level.name !== null) {
      const value =
        level.kind === 'many'
          ? topic.slice(many, topic.length - after).join('/')
          : level.kind === 'one'
            ? topic[place]!
            : level.pattern.match(topic[place]!)
      if (value === null || value === '') return null
      captures ??= Object.create(null) as Record<string, string>
      captures[level.name] = value
    }
  }
  return captures ?? NO_CAPTURES
}

const isBare = (level: Level): boolean => level.kind === 'many' && level.name === null

/** Whether a pattern of a name, one `{capture}` or `*` in it at most, fits; the captured text, or null. */
export interface NamePattern {
  readonly capture: string | null
  match(name: string): string | null
}

/**
 * Reads a pattern for names: `em1:{channel}`, `switch:*`, `{device}`, `kWh`.
 *
 * @returns  what is wrong, in words, or the pattern
 */
export const parseNamePattern = (text: string): NamePattern | string => {
  const open = text.search(/[{*]/)
  if (open < 0) return { capture: null, match: (name: string) => (name === text ? name : null) }
  const capture = /^\{([^{}]*)\}/.exec(text.slice(open))
  const length = text[open] === '*' ? 1 : (capture?.[0].length ?? 0)
  if (length === 0 || (capture && !NAME.test(capture[1] ?? ''))) return `is "${text}"; a capture is written {name}`
  const prefix = text.slice(0, open)
  const suffix = text.slice(open + length)
  if (/[{}*]/.test(suffix)) return `is "${text}"; one capture or * is allowed`
  return {
    capture: capture?.[1] ?? null,
    match: (name: string) =>
      name.length > prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix)
        ? name.slice(prefix.length, name.length - suffix.length)
        : null,
  }
}
