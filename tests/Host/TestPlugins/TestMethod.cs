using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins;

namespace Aperture.TestPlugins;

internal sealed class TestMethod(string name, string summary) : IMethodFactory
{
    public string Name => name;

    public string Summary => summary;

    public IReadOnlyList<MethodOption> Options => [new MethodOption("Text", "text", "none", "Anything.")];

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files) =>
        options.ValueKind == JsonValueKind.Object && options.TryGetProperty("refuse", out _)
            ? throw new ApertureException($"{name}: refused.")
            : new TestReducer(options.ValueKind == JsonValueKind.Undefined ? name : $"{name} {options.GetRawText()}", decoder.HiddenSize);
}
