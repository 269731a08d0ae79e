using Aperture.Decoding;
using Aperture.Images;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>How a model is opened, and the keeper of everything that its family opens for it. The engine makes one, and disposes it with the model.</summary>
/// <param name="device">Where the model runs.</param>
/// <param name="type">The element type computed in; null for the checkpoint's where the device has it.</param>
/// <param name="threads">CPU threads; 0 takes one a physical core.</param>
/// <param name="cancellationToken">Ends the opening; checked before each tensor.</param>
public sealed class ModelOpening(Device device, ScalarType? type = null, int threads = 0, CancellationToken cancellationToken = default) : IDisposable
{
    private readonly List<IDisposable> _kept = [];
    private readonly List<string> _notices = [];
    private Action<string>? _onNotice;
    private Ops? _ops;

    /// <summary>Where the model runs.</summary>
    public Device Device => device;

    /// <summary>
    /// How the matrices of linear layers are kept; null for the format that the checkpoint was written for on the CPU, and as it stores them where it names
    /// none.
    /// </summary>
    public WeightFormat? Weights { get; init; }

    /// <summary>How the decoder's caches keep keys and values.</summary>
    public CacheFormat Cache { get; init; }

    /// <summary>The format that the checkpoint says it was written for; null for none.</summary>
    internal WeightFormat? WrittenFor { get; set; }

    /// <summary>Notes the linear layers of the model; null for nobody.</summary>
    internal MatrixWatch? Watch { get; init; }

    /// <summary>
    /// What a checkpoint of half precision is computed in on the CPU, where no element type was named; null goes by what the processor says of itself. Asked
    /// once, and only where it decides.
    /// </summary>
    public Func<ScalarType>? HalfType { get; init; }

    /// <summary>Folder or file of the vision tower, where the user named one.</summary>
    public string? Tower { get; init; }

    /// <summary>The file with a model's adapters, where the user named one; <c>fresh</c> for untrained ones, to begin a training.</summary>
    public string? Adapters { get; init; }

    /// <summary>The folder of a LoRA adapter that is merged into the weights; null for none.</summary>
    public string? Adapter { get; init; }

    /// <summary>
    /// Whether the weights are others than the checkpoint's files hold, merged with an adapter or turned from codes into numbers: such a model is not trained,
    /// because what is written then would be neither.
    /// </summary>
    public bool IsRewritten { get; internal set; }

    /// <summary>Whether a prompt that is longer than the model takes is cut, with a notice; else it is refused.</summary>
    public bool CutPrompt { get; init; }

    /// <summary>Name of the prompt template, where the user named one.</summary>
    public string? Prompt { get; init; }

    /// <summary>What a picture becomes before preprocessing, where the user chose.</summary>
    public ImageAspect? Aspect { get; init; }

    /// <summary>Finds a hub repository on this machine: its folder, or null where it was not fetched.</summary>
    public Func<string, string?> FindRepository { get; init; } = _ => null;

    /// <summary>The vision encoders that plugins offer.</summary>
    public IVisionEncoders Encoders { get; init; } = NoVisionEncoders.Instance;

    /// <summary>Fires when the opening is to end.</summary>
    public CancellationToken Cancellation => cancellationToken;

    /// <summary>The model's operations, shared by its parts; there once <see cref="Policy"/> was asked.</summary>
    /// <exception cref="InvalidOperationException">The policy was not asked for yet.</exception>
    public Ops Ops => _ops ?? throw new InvalidOperationException("Ask for the weight policy first: it decides the element type that operations compute in.");

    /// <summary>
    /// Where weights live and in which element type, from the type that most of the checkpoint is stored in. The first call decides it for the whole model.
    /// </summary>
    /// <param name="stored">Element type of the decoder's weights in the checkpoint.</param>
    /// <exception cref="ApertureException">The device does not multiply in the format asked for.</exception>
    public WeightPolicy Policy(ScalarType stored)
    {
        bool isCpu = device.type == TorchSharp.DeviceType.CPU;
        if (Weights is { } asked and not WeightFormat.Stored && !isCpu)
        {
            string format = asked.ToString().ToLowerInvariant();
            throw new ApertureException($"Weights in {format} work on the CPU, but the device is {device}; leave --weights (Weights) out or use --device cpu.");
        }

        WeightPolicy policy = WeightPolicy.For(device, type, stored, _ops is null ? HalfType : () => _ops.Type) with { Cancellation = cancellationToken };
        RequireCache(policy.Compute);
        _ops ??= Keep(new Ops(device, policy.Compute, threads)
        {
            Weights = Weights ?? (isCpu ? WrittenFor : null) ?? WeightFormat.Stored,
            Cache = Cache,
            Watch = Watch,
        });
        return policy with { Ops = _ops };
    }

    private void RequireCache(ScalarType computed)
    {
        string format = Cache.ToString().ToLowerInvariant();
        if (Cache != CacheFormat.Computed && computed == ScalarType.Float16)
        {
            throw new ApertureException(
                $"A KV cache in {format} needs a model that is computed in float32 or bfloat16, not in float16; leave --kv-cache (Cache) out or use --dtype.");
        }

        if (Cache == CacheFormat.Int8 && device.type != TorchSharp.DeviceType.CPU)
        {
            throw new ApertureException($"A KV cache in int8 works on the CPU, but the device is {device}; leave --kv-cache (Cache) out or use --device cpu.");
        }
    }

    /// <summary>Tells the user what of the checkpoint is not done as its files say, though nothing failed: one line, once.</summary>
    /// <param name="line">The line.</param>
    public void Tell(string line)
    {
        lock (_notices)
        {
            if (_onNotice is null)
            {
                _notices.Add(line);
                return;
            }
        }

        _onNotice(line);
    }

    /// <summary>Says who gets the lines of <see cref="Tell"/>, those that were told before too.</summary>
    /// <param name="onNotice">Gets them.</param>
    public void SendNotices(Action<string> onNotice)
    {
        string[] before;
        lock (_notices)
        {
            _onNotice = onNotice;
            before = [.. _notices];
            _notices.Clear();
        }

        Array.ForEach(before, onNotice);
    }

    /// <summary>Takes something into keeping: it is disposed with the model, what came last first.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="item">What is kept.</param>
    public T Keep<T>(T item)
        where T : IDisposable
    {
        _kept.Add(item);
        return item;
    }

    /// <summary>Disposes what is kept, the last first: tensors before the files that they are views of.</summary>
    public void Dispose()
    {
        for (int i = _kept.Count - 1; i >= 0; i--)
        {
            _kept[i].Dispose();
        }

        _kept.Clear();
    }
}
