using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// What every call of an <see cref="ITaskModel"/> gets beside its input: when to stop, and who listens. What nobody listens to costs a null check.
/// </summary>
public sealed record TaskRun
{
    /// <summary>A call that nobody listens to and nobody stops.</summary>
    public static TaskRun Plain { get; } = new();

    /// <summary>Ends the call. Checked between layers and steps.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Told how far the call is; null for nobody.</summary>
    public IProgress<TaskProgress>? Progress { get; init; }

    /// <summary>Whether progress is to come with previews, where making one costs something.</summary>
    public bool WantsPreviews { get; init; }

    /// <summary>Takes stages and operations; null for nobody.</summary>
    public ITaskClock? Clock { get; init; }

    /// <summary>Takes named values; null for nobody.</summary>
    public ITaskTrace? Trace { get; init; }

    /// <summary>A stage of the call begins, and the one before it ends.</summary>
    /// <param name="stage">Its name, such as <c>vision</c>. A stage that is entered again goes on counting.</param>
    /// <exception cref="OperationCanceledException">The call is to end.</exception>
    public void Enter(string stage)
    {
        Cancellation.ThrowIfCancellationRequested();
        Clock?.Enter(stage);
    }

    /// <summary>Adds operations to a part of the model.</summary>
    /// <param name="part">Its name, such as <c>vision encoder</c>.</param>
    /// <param name="flops">Floating-point operations: 2 for a multiply-accumulate.</param>
    public void Count(string part, long flops) => Clock?.Count(part, flops);

    /// <summary>Whether somebody wants a value. Ask before computing one that the call itself has no use for.</summary>
    /// <param name="name">The value's name.</param>
    public bool Wants(string name) => Trace?.Wants(name) == true;

    /// <summary>Hands a value to who listens, if anybody wants it.</summary>
    /// <param name="name">Its name, such as <c>router.2</c>.</param>
    /// <param name="value">The value, of any shape; borrowed.</param>
    public void Value(string name, Tensor value)
    {
        if (Trace is { } trace && trace.Wants(name))
        {
            trace.Value(name, value);
        }
    }
}

/// <summary>Takes what a call spends.</summary>
public interface ITaskClock
{
    /// <summary>A stage begins, and the one before it ends.</summary>
    /// <param name="stage">Its name.</param>
    void Enter(string stage);

    /// <summary>Adds operations to a part of the model.</summary>
    /// <param name="part">Its name.</param>
    /// <param name="flops">Floating-point operations: 2 for a multiply-accumulate.</param>
    void Count(string part, long flops);
}

/// <summary>Takes named values of a call.</summary>
public interface ITaskTrace
{
    /// <summary>Whether a value is wanted.</summary>
    /// <param name="name">Its name.</param>
    bool Wants(string name);

    /// <summary>A wanted value.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">The value; borrowed for the call, clone to keep.</param>
    void Value(string name, Tensor value);
}
