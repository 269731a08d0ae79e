using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Models;

/// <summary>What a model is assembled from. Sources and parts are in the keeping of the opening that they were made with.</summary>
public sealed record ModelParts
{
    /// <summary>What the decoder is.</summary>
    public required DecoderSpec Decoder { get; init; }

    /// <summary>
    /// The decoder's weights under canonical names: <c>model.embed_tokens.weight</c>, <c>model.layers.0.self_attn.q_proj.weight</c>, <c>model.norm.weight</c>,
    /// <c>lm_head.weight</c>.
    /// </summary>
    public required IWeightSource Weights { get; init; }

    /// <summary>Where weights live and in which type.</summary>
    public required WeightPolicy Policy { get; init; }

    /// <summary>The vision encoder, possibly composed of several.</summary>
    public required IVisionEncoder Encoder { get; init; }

    /// <summary>What turns features into decoder rows.</summary>
    public required IProjector Projector { get; init; }

    /// <summary>How text and pictures become one sequence.</summary>
    public required IPacker Packer { get; init; }

    /// <summary>The tokenizer; null for a folder that has none.</summary>
    public ITokenizer? Tokenizer { get; init; }

    /// <summary>How conversations become token ids.</summary>
    public required IPromptComposer Prompts { get; init; }

    /// <summary>Generation settings of the checkpoint.</summary>
    public GenerationOptions Generation { get; init; } = new();

    /// <summary>
    /// Visual tokens of one picture where preprocessing always gives the same number, for recipes that were made for it; 0 where the number varies.
    /// </summary>
    public int VisualTokens { get; init; }

    /// <summary>Rows that a prompt may have as the checkpoint says (<c>tokenizer_model_max_length</c>), where its packer does not limit them itself.</summary>
    public int? MaxPromptRows { get; init; }

    /// <summary>The open checkpoint, in which the weights of methods may lie.</summary>
    public required IWeightSource Checkpoint { get; init; }

    /// <summary>The canonical name of a name in <see cref="Checkpoint"/>; names that have none stay as they are.</summary>
    public Func<string, string> Canonical { get; init; } = name => name;

    /// <summary>
    /// Whether a name in <see cref="Checkpoint"/> belongs to the parts beside the decoder, or to what checkpoints carry along to no purpose. What neither this
    /// nor the decoder claims is told in a notice, with the method that would use it.
    /// </summary>
    public required Func<string, bool> IsClaimed { get; init; }

    /// <summary>The method that is part of the model; null for a model that is whole without one.</summary>
    public OwnMethod? OwnMethod { get; init; }

    /// <summary>How the model is trained; null for a family whose models are not.</summary>
    public IModelTraining? Training { get; init; }
}

/// <summary>A method that is part of a model and acts wherever the user does not configure it himself.</summary>
/// <param name="Name">The method's name.</param>
/// <param name="Options">Its options as the checkpoint tells them, a JSON object.</param>
public sealed record OwnMethod(string Name, JsonElement Options);
