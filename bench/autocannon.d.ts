/** The little of autocannon (which brings no types) that the bench uses. */
declare module 'autocannon' {
  interface Options {
    readonly url: string
    readonly connections: number
    readonly overallRate: number
    /** Seconds. */
    readonly duration: number
    readonly requests: readonly { readonly method: 'GET'; readonly path: string; readonly headers: Readonly<Record<string, string>> }[]
  }
  interface Outcome {
    /** Milliseconds. */
    readonly latency: { readonly p50: number; readonly p99: number; readonly max: number }
    readonly requests: { readonly average: number }
    readonly non2xx: number
    readonly errors: number
    readonly timeouts: number
  }
  export default function autocannon(options: Options): Promise<Outcome>
}
