using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Aperture.Host.Tests;

/// <summary>Which methods a method names in its compiled code: those that it calls, and those that it makes delegates of.</summary>
internal static class CalledMethods
{
    private const BindingFlags Own = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> _codes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>
    /// The methods named by a method, by its state machine where it is asynchronous or an iterator, and by everything of its assembly that it reaches through
    /// them. Calls through interfaces and overridden methods are not followed.
    /// </summary>
    /// <param name="method">The method.</param>
    /// <param name="seen">Methods that were looked into already; those that this call looks into are added.</param>
    public static IEnumerable<MethodBase> Reached(MethodBase method, HashSet<MethodBase> seen)
    {
        Assembly own = method.Module.Assembly;
        Stack<MethodBase> waiting = new([method]);
        while (waiting.TryPop(out MethodBase? next))
        {
            if (!seen.Add(next))
            {
                continue;
            }

            foreach (MethodBase called in Bodies(next).SelectMany(Named))
            {
                yield return called;
                if (called.Module.Assembly == own)
                {
                    waiting.Push(called);
                }
            }
        }
    }

    /// <summary>The methods that the code of a method names itself.</summary>
    public static IEnumerable<MethodBase> Named(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        Type[]? ofType = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < code.Length;)
        {
            OpCode instruction = _codes[code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += instruction.Size;
            if (instruction.OperandType == OperandType.InlineMethod)
            {
                yield return method.Module.ResolveMethod(BitConverter.ToInt32(code, at), ofType, ofMethod)!;
            }

            at += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static IEnumerable<MethodBase> Bodies(MethodBase method)
    {
        Type? machine = method.GetCustomAttribute<StateMachineAttribute>()?.StateMachineType;
        return machine is null ? [method] : [method, .. machine.GetMethods(Own)];
    }
}
