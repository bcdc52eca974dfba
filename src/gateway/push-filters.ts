/** Filters that no other one of them covers: what two cover, a broker may send twice. */
export const uncovered = (filters: readonly string[]): string[] => {
  const all = [...new Set(filters)]
  return all.filter((filter) => !all.some((other) => other !== filter && covers(other, filter)))
}

/** Whether every topic of a filter is one of the other, wider one. @source MQTT 3.1.1, 4.7.1 topic wildcards */
export const covers = (wide: string, narrow: string): boolean => {
  const [a, b] = [wide.split('/'), narrow.split('/')]
  for (const [at, level] of a.entries()) {
    if (level === '#') return !(at === 0 && b[0]?.startsWith('$'))
    const other = b[at]
    if (other === undefined || other === '#') return false
    if (level === '+' ? at === 0 && other.startsWith('$') : level !== other) return false
  }
  return a.length === b.length
}
