// The light build (no subtitles, no encryption, no alternate audio) has the interface of the full one.
declare module 'hls.js/light' {
  export * from 'hls.js'
  export { default } from 'hls.js'
}
