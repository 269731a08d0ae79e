using System.Text.Json.Serialization;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>How a sentence enters the image encoder.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DitVariant>))]
internal enum DitVariant
{
    /// <summary>Before every block the sentence's rows are a projection of the sentence, one a block (L-DIT).</summary>
    LayerWise,

    /// <summary>The sentence's rows run through the blocks with the picture's (E-DIT).</summary>
    EndToEnd,

    /// <summary>As layer-wise, with learned rows of each block added to the sentence instead of a projection.</summary>
    TokenLayerWise,

    /// <summary>As end-to-end, with one projection and learned rows added before each further block.</summary>
    EndToEndToken,

    /// <summary>It does not: the sentence meets the picture in the mask decoder alone (SAM's own fusion).</summary>
    Default,
}

/// <summary>What the end-to-end variant does with the sentence's rows before later blocks.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EndToEndMode>))]
internal enum EndToEndMode
{
    /// <summary>They go through the block's projection, which replaces them (the published code).</summary>
    Code,

    /// <summary>They stay as they are (the paper).</summary>
    Paper,
}
