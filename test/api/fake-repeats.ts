import type { KeptAnswer, RepeatPort } from '../../src/api/index.ts'

/** Keys in memory. */
export const fakeRepeats = (): RepeatPort => {
  const known = new Map<string, { readonly print: string; answer: KeptAnswer | null; isRunning: boolean }>()
  const of = (who: string, key: string) => known.get(`${who} ${key}`)
  return {
    begin: (who, key, print) => {
      const one = of(who, key)
      if (!one) {
        known.set(`${who} ${key}`, { print, answer: null, isRunning: true })
        return { state: 'new' }
      }
      if (one.print !== print) return { state: 'other' }
      if (one.answer) return { state: 'done', answer: one.answer }
      return { state: one.isRunning ? 'under-way' : 'unfinished' }
    },
    finish: (who, key, answer) => {
      const one = of(who, key)
      if (one) one.answer = answer
    },
    forget: (who, key) => void known.delete(`${who} ${key}`),
    leave: (who, key) => {
      const one = of(who, key)
      if (one) one.isRunning = false
    },
  }
}
