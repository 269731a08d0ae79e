using System.Globalization;
using Aperture.Text;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// A tower of a CLIP in OpenAI's layout (<c>ViT-L-14.pt</c>: <c>visual.transformer.resblocks.0.attn.in_proj_weight</c>) under Hugging Face's names: the vision
/// tower as <see cref="ClipVision.Keys"/> reads it, or the text tower as <see cref="ClipTextEncoder"/> does. Query, key and value are cut from the one matrix.
/// Borrows its source.
/// </summary>
public sealed class OpenAiClipWeights : IMappedWeights, IWeightView
{
    private const string Blocks = "transformer.resblocks.";
    private const int HeadSize = 64, Whole = -1, Turned = -2;
    private static readonly string[] _projections = ["q_proj", "k_proj", "v_proj"];

    private static readonly Dictionary<string, string> _visionNames = new(StringComparer.Ordinal)
    {
        ["class_embedding"] = "embeddings.class_embedding",
        ["conv1.weight"] = "embeddings.patch_embedding.weight",
        ["positional_embedding"] = "embeddings.position_embedding.weight",
        ["ln_pre.weight"] = "pre_layrnorm.weight",
        ["ln_pre.bias"] = "pre_layrnorm.bias",
        ["ln_post.weight"] = "post_layernorm.weight",
        ["ln_post.bias"] = "post_layernorm.bias",
    };

    private static readonly Dictionary<string, string> _textNames = new(StringComparer.Ordinal)
    {
        ["token_embedding.weight"] = "embeddings.token_embedding.weight",
        ["positional_embedding"] = "embeddings.position_embedding.weight",
        ["ln_final.weight"] = "final_layer_norm.weight",
        ["ln_final.bias"] = "final_layer_norm.bias",
    };

    private static readonly (string OpenAi, string HuggingFace)[] _blockNames =
        [("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")];

    private readonly IWeightSource _source;
    private readonly Dictionary<string, (string Original, int Third)> _parts = new(StringComparer.Ordinal); // Third: which of q, k, v

    /// <summary>A view of the vision tower of an open checkpoint.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    /// <param name="prefix">What stands before <c>conv1</c>.</param>
    public OpenAiClipWeights(IWeightSource source, string prefix = "visual.")
        : this(source, prefix, _visionNames, "")
    {
    }

    private OpenAiClipWeights(IWeightSource source, string prefix, Dictionary<string, string> names, string tower)
    {
        _source = source;
        foreach (string name in source.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            Add(name, name[prefix.Length..], names, tower);
        }
    }

    /// <summary>Whether a checkpoint has a text tower in this layout.</summary>
    /// <param name="source">The checkpoint.</param>
    public static bool HasText(IWeightSource source)
        => source.Contains("token_embedding.weight") && source.Contains("transformer.resblocks.0.attn.in_proj_weight");

    /// <summary>A view of the text tower, with the projection as <c>text_projection.weight</c>.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    public static OpenAiClipWeights Text(IWeightSource source)
    {
        OpenAiClipWeights view = new(source, "", _textNames, "text_model.");
        if (source.Contains("text_projection"))
        {
            view._parts["text_projection.weight"] = ("text_projection", Turned); // OpenAI multiplies from the other side
        }

        return view;
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _parts.Keys;

    /// <summary>The tower's sizes as its tensors show them.</summary>
    /// <param name="heads">Attention heads; null for OpenAI's rule, one for each 64 channels.</param>
    /// <exception cref="ApertureException">The checkpoint holds no such tower, or its sizes do not fit together.</exception>
    public VisionTransformerConfig ReadConfig(int? heads = null)
    {
        long[] patches = Describe("embeddings.patch_embedding.weight").Shape, positions = Describe("embeddings.position_embedding.weight").Shape;
        int width = (int)patches[0], patch = (int)patches[^1], grid = (int)Math.Round(Math.Sqrt(positions[0] - 1));
        int count = heads ?? width / HeadSize;
        if ((grid * grid) + 1 != positions[0] || count < 1 || width % count != 0)
        {
            throw new ApertureException(
                $"A CLIP tower of width {width} with {positions[0]} positions is not one of OpenAI's: "
                + $"heads have {HeadSize} channels and patches form a square.");
        }

        return new VisionTransformerConfig
        {
            HiddenSize = width,
            IntermediateSize = (int)Describe("encoder.layers.0.mlp.fc1.weight").Shape[0],
            Layers = _parts.Keys.Count(name => name.EndsWith(".layer_norm1.weight", StringComparison.Ordinal)),
            Heads = count,
            ImageSize = grid * patch,
            PatchSize = patch,
        };
    }

    /// <summary>The text tower's sizes as its tensors show them.</summary>
    /// <exception cref="ApertureException">A tensor of the tower is missing.</exception>
    public ClipTextConfig ReadTextConfig()
    {
        const string model = "text_model.";
        long[] words = Describe(model + "embeddings.token_embedding.weight").Shape;
        return new ClipTextConfig
        {
            Vocabulary = (int)words[0],
            HiddenSize = (int)words[1],
            IntermediateSize = (int)Describe(model + "encoder.layers.0.mlp.fc1.weight").Shape[0],
            Layers = _parts.Keys.Count(name => name.EndsWith(".layer_norm1.weight", StringComparison.Ordinal)),
            Heads = Math.Max(1, (int)words[1] / HeadSize),
            Positions = (int)Describe(model + "embeddings.position_embedding.weight").Shape[0],
        };
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _parts.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        (string original, int third) = Find(name);
        WeightInfo info = _source.Describe(original);
        return third switch
        {
            Whole => info,
            Turned => info with { Shape = [info.Shape[1], info.Shape[0]] },
            _ => info with { Shape = [info.Shape[0] / 3, .. info.Shape[1..]] },
        };
    }

    /// <inheritdoc/>
    public Tensor Load(string name)
    {
        (string original, int third) = Find(name);
        if (third == Whole)
        {
            return _source.Load(original);
        }

        using Tensor all = _source.Load(original);
        if (third == Turned)
        {
            return all.transpose(0, 1);
        }

        long rows = all.size(0) / 3;
        return all.narrow(0, third * rows, rows);
    }

    /// <inheritdoc/>
    (IWeightSource Source, string Name)? IWeightView.Behind(string name) => Find(name) is (var original, Whole) ? (_source, original) : null;

    /// <inheritdoc/>
    public void ReleasePages(string name) => _source.ReleasePages(Find(name).Original);

    /// <inheritdoc/>
    public void ReleasePages() => _source.ReleasePages();

    /// <summary>Does nothing: the source is the caller's.</summary>
    public void Dispose()
    {
    }

    private void Add(string original, string name, Dictionary<string, string> names, string tower)
    {
        if (names.TryGetValue(name, out string? renamed))
        {
            _parts[tower + renamed] = (original, Whole);
            return;
        }

        int dot = name.StartsWith(Blocks, StringComparison.Ordinal) ? name.IndexOf('.', Blocks.Length) : -1;
        if (dot < 0 || !int.TryParse(name.AsSpan(Blocks.Length, dot - Blocks.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int block))
        {
            return;
        }

        string within = name[(dot + 1)..], prefix = $"{tower}encoder.layers.{block}.";
        if (within is "attn.in_proj_weight" or "attn.in_proj_bias")
        {
            for (int third = 0; third < _projections.Length; third++)
            {
                _parts[$"{prefix}self_attn.{_projections[third]}.{within["attn.in_proj_".Length..]}"] = (original, third);
            }

            return;
        }

        int last = within.LastIndexOf('.');
        if (last > 0 && Array.Find(_blockNames, entry => entry.OpenAi == within[..last]) is { OpenAi: not null } found)
        {
            _parts[prefix + found.HuggingFace + within[last..]] = (original, Whole);
        }
    }

    private (string Original, int Third) Find(string name)
        => _parts.TryGetValue(name, out (string, int) part) ? part : throw MissingWeight.In("The CLIP checkpoint", name, Names);
}
