/** What is wrong with a config, one sentence each and never with a secret in it; every part of the config adds its own. */
export type Problems = string[]
