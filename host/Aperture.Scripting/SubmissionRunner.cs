using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using Aperture.Scheduling;

namespace Aperture.Scripting;

/// <summary>Runs the code of submissions on the session's thread, and stops it when it is asked to.</summary>
/// <param name="assemblies">Where the code is loaded.</param>
/// <param name="onLost">Gets what code in the background threw that nobody awaits.</param>
/// <param name="ended">Fires when the session ends.</param>
internal sealed class SubmissionRunner(ScriptAssemblies assemblies, Action<Exception> onLost, CancellationToken ended)
{
    // An abort may hit library code in the middle. An entry that awaits needs none: it is left at its next await.
    private static readonly TimeSpan _untilAbort = TimeSpan.FromMilliseconds(50);

    // An entry that was asked to stop and sleeps, or blocks on what is not the engine's, is woken after this long: what takes the token has ended by then.
    private static readonly TimeSpan _untilWake = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the code of the last submission took.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>Runs a submission to its end, or until it is stopped.</summary>
    /// <param name="factory">What starts it.</param>
    /// <param name="slots">The submissions before it.</param>
    /// <param name="isExpression">Whether it ends in an expression.</param>
    /// <param name="interrupt">Stops it.</param>
    public ScriptResult Run(MethodInfo factory, object?[] slots, bool isExpression, ScriptInterrupt interrupt)
    {
        Func<object?[], Task<object?>> start = factory.CreateDelegate<Func<object?[], Task<object?>>>();
        Task<object?>? task = null;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(interrupt.Requested, ended);
        using CancellationTokenSource abandon = CancellationTokenSource.CreateLinkedTokenSource(interrupt.Forced, ended);
        CancellationTokenSource abort = new(); // Not disposed: the timer may fire it while the entry ends.
        WorkScope scope = new(stop.Token, abandon.Token);
        using ScriptPump pump = new(scope, onLost, ended);
        using Timer wake = new(_ => pump.WakeOwner(force: false));
        using Timer force = new(_ =>
        {
            pump.WakeOwner(force: true);
            abort.Cancel();
        });
        using CancellationTokenRegistration asked = stop.Token.Register(() => wake.Change(_untilWake, _untilWake));
        using CancellationTokenRegistration forced = abandon.Token.Register(() => force.Change(_untilAbort, Timeout.InfiniteTimeSpan));
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(pump);
        WorkScope.Current = scope;
        long begun = Stopwatch.GetTimestamp();
        try
        {
#pragma warning disable SYSLIB0046 // The second stage of stopping a script: the user asked twice, and the process may have to be left after it.
            ControlledExecution.Run(
                () =>
                {
                    task = start(slots);
                    pump.RunUntilCompleted(task);
                },
                abort.Token);
#pragma warning restore SYSLIB0046
            ScriptResult.Value value = new(task!.GetAwaiter().GetResult(), isExpression);
            scope.HandOver(ended);
            return value;
        }
        catch (Exception e) when (abandon.IsCancellationRequested
            || (e is OperationCanceledException or ThreadInterruptedException && stop.IsCancellationRequested))
        {
            pump.Abandon();
            return new ScriptResult.Cancelled();
        }
        catch (Exception e)
        {
            // The script's own failure, of whatever type: it is the result of the run.
            scope.HandOver(ended);
            return ScriptFailure.Describe(e, assemblies);
        }
        finally
        {
            Elapsed = Stopwatch.GetElapsedTime(begun);
            WorkScope.Current = null;
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }
}
