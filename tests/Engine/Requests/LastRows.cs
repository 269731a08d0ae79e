using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Requests;

/// <summary>Copies the rows that leave the last layer of every prompt, to compare them bit for bit.</summary>
internal sealed class LastRows : ITokenReducer
{
    public string Name => "last-rows";

    /// <summary>Those of all prompts so far, one after the other.</summary>
    public List<float> Rows { get; } = [];

    public void Declare(IReducerSites sites) => sites.AfterLayer(sites.Decoder.Layers - 1, DecoderPhase.Prefill, needsAttention: false, (_, rows, _) =>
    {
        using Tensor wide = rows.to(ScalarType.Float32, copy: true);
        using Tensor host = wide.cpu();
        Rows.AddRange(host.data<float>());
        return null;
    });

    public void Dispose()
    {
    }
}
