// The only door to the library. Its destinations are CommonJS and `require` its core: an `import` here would bundle a second
// copy of it, and `instanceof` between the two (HTTPError, MultiStatusResponse) would fail in silence.
module.exports = {
  core: require('@segment/actions-core'),
  fql: require('@segment/destination-subscriptions'),
  dayjs: require('dayjs'),
  formats: require('ajv-formats/dist/formats').fullFormats,
}
