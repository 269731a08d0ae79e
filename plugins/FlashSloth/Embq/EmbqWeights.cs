using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>The weights of the embedded query block under their published names. Owns its tensors.</summary>
internal sealed class EmbqWeights : IDisposable
{
    /// <summary>What stands before the names in a checkpoint.</summary>
    public const string Prefix = "model.lqformer.";

    private const string Layer = "layers.0.";
    private readonly List<IDisposable> _owned = [];
    private readonly List<(string Name, Tensor Tensor)> _named = [];

    private EmbqWeights(IWeightSource source, WeightPolicy policy, string prefix)
    {
        long[] text = ShapeOf(source, prefix + "down_projector_learnable_text.weight");
        (Width, Hidden) = ((int)text[0], (int)text[1]);
        ImageWidth = (int)ShapeOf(source, prefix + "down_projector_image.weight")[1];
        TextDown = Linear(source, policy, prefix, "down_projector_learnable_text", Width, Hidden);
        ImageDown = Linear(source, policy, prefix, "down_projector_image", Width, ImageWidth);
        TextQuery = Linear(source, policy, prefix, Layer + "t2q_attn.q_proj", Width, Width);
        TextKey = Linear(source, policy, prefix, Layer + "t2q_attn.k_proj", Width, Width);
        TextValue = Linear(source, policy, prefix, Layer + "t2q_attn.v_proj", Width, Width);
        ImageQuery = Linear(source, policy, prefix, Layer + "i2q_attn.q_proj", Width, Width);
        ImageKey = Linear(source, policy, prefix, Layer + "i2q_attn.k_proj", Width, Width);
        ImageValue = Linear(source, policy, prefix, Layer + "i2q_attn.v_proj", ImageWidth, ImageWidth);
        TextNorm = Norm(source, policy, prefix, Layer + "ln_text");
        QueryNorm = Norm(source, policy, prefix, Layer + "ln_q");
        ImageNorm = Norm(source, policy, prefix, Layer + "ln_kv");
        Up = Linear(source, policy, prefix, "up_projector", Hidden, ImageWidth);
    }

    /// <summary>Width of the decoder's rows.</summary>
    public int Hidden { get; }

    /// <summary>Width of keys and queries, d.</summary>
    public int Width { get; }

    /// <summary>Channels of a patch, C.</summary>
    public int ImageWidth { get; }

    /// <summary>Queries and text to the block's width.</summary>
    public Matrix TextDown { get; }

    /// <summary>Patches to the block's width.</summary>
    public Matrix ImageDown { get; }

    /// <summary>Queries of the attention to text.</summary>
    public Matrix TextQuery { get; }

    /// <summary>Its keys.</summary>
    public Matrix TextKey { get; }

    /// <summary>Its values.</summary>
    public Matrix TextValue { get; }

    /// <summary>Queries of the attention to patches.</summary>
    public Matrix ImageQuery { get; }

    /// <summary>Its keys.</summary>
    public Matrix ImageKey { get; }

    /// <summary>Its values, from raw patches: <c>[C, C]</c>.</summary>
    public Matrix ImageValue { get; }

    /// <summary>Norm of the text.</summary>
    public LayerNormWeights TextNorm { get; }

    /// <summary>Norm of the queries.</summary>
    public LayerNormWeights QueryNorm { get; }

    /// <summary>Norm of the patches that keys are made of.</summary>
    public LayerNormWeights ImageNorm { get; }

    /// <summary>Back to the decoder's width.</summary>
    public Matrix Up { get; }

    /// <summary>All tensors by published name; borrowed.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Named => _named;

    /// <summary>Loads the weights.</summary>
    /// <param name="source">A checkpoint, or parameters of a training.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="prefix">What stands before the names.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static EmbqWeights Load(IWeightSource source, WeightPolicy policy, string prefix = Prefix)
        => new(source, policy with { Storage = policy.Compute }, prefix);

    /// <summary>The names and shapes of the weights.</summary>
    /// <param name="hidden">Width of the decoder's rows.</param>
    /// <param name="width">Width of keys and queries.</param>
    /// <param name="image">Channels of a patch.</param>
    public static IReadOnlyList<(string Name, long[] Shape)> Shapes(int hidden, int width, int image)
    {
        List<(string, long[])> shapes = [];
        void Add(string name, int outputs, int inputs)
        {
            shapes.Add((Prefix + name + ".weight", [outputs, inputs]));
            shapes.Add((Prefix + name + ".bias", [outputs]));
        }

        Add("down_projector_learnable_text", width, hidden);
        Add("down_projector_image", width, image);
        foreach (string name in new[] { "t2q_attn.q_proj", "t2q_attn.k_proj", "t2q_attn.v_proj", "i2q_attn.q_proj", "i2q_attn.k_proj" })
        {
            Add(Layer + name, width, width);
        }

        Add(Layer + "i2q_attn.v_proj", image, image);
        foreach (string name in new[] { "ln_text", "ln_q", "ln_kv" })
        {
            shapes.Add((Prefix + Layer + name + ".weight", [width]));
            shapes.Add((Prefix + Layer + name + ".bias", [width]));
        }

        Add("up_projector", hidden, image);
        return shapes;
    }

    public void Dispose() => _owned.ForEach(own => own.Dispose());

    private static long[] ShapeOf(IWeightSource source, string name)
        => source.Describe(name).Shape is { Length: 2 } shape
            ? shape
            : throw new ApertureException($"{name} is no matrix; check that the weights of the embedded queries are FlashSloth's.");

    private Matrix Linear(IWeightSource source, WeightPolicy policy, string prefix, string name, int outputs, int inputs)
    {
        try
        {
            Matrix matrix = policy.Linear(source, prefix + name, outputs, inputs, bias: true);
            _owned.Add(matrix);
            _named.AddRange(matrix.Named(prefix + name));
            return matrix;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private LayerNormWeights Norm(IWeightSource source, WeightPolicy policy, string prefix, string name)
    {
        try
        {
            Tensor gain = policy.Vector(source, prefix + name + ".weight", Width);
            _owned.Add(gain);
            Tensor bias = policy.Vector(source, prefix + name + ".bias", Width);
            _owned.Add(bias);
            _named.Add((prefix + name + ".weight", gain));
            _named.Add((prefix + name + ".bias", bias));
            return new LayerNormWeights(gain, bias);
        }
        catch
        {
            Dispose();
            throw;
        }
    }
}
