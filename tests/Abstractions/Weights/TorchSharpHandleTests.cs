using System.Reflection;
using System.Reflection.Metadata;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>
/// The TorchSharp that is built into the product keeps numbers and tensors alive while libtorch reads them. As published it does not, and a collection by
/// another thread frees them under a call: "Expected false to be true, but got false".
/// </summary>
public sealed class TorchSharpHandleTests
{
    [Theory]
    [InlineData(nameof(Tensor.mul), new[] { typeof(Scalar) }, 4)] // the tensor, the number, and what each handle was read of
    [InlineData(nameof(Tensor.add_), new[] { typeof(Tensor), typeof(Scalar) }, 6)]
    [InlineData(nameof(Tensor.matmul), new[] { typeof(Tensor) }, 4)]
    public void Methods_hold_what_they_hand_over_until_they_return(string name, Type[] parameters, int least)
    {
        MethodInfo method = typeof(Tensor).GetMethod(name, parameters)!;

        Assert.InRange(KeptAlive(method), least, 100);
    }

    [Fact]
    public void A_number_is_not_freed_under_a_call()
    {
        bool stop = false;
        Thread collector = new(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            using Tensor x = ones(16);
            for (int round = 0; round < 20_000; round++)
            {
                using Tensor y = x.add(x, 1.5), z = y.mul(2.0);
                Assert.Equal(5, z.ReadCpuSingle(7));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }
    }

    private static int KeptAlive(MethodInfo method)
    {
        byte[] code = method.GetMethodBody()!.GetILAsByteArray()!;
        int calls = 0;
        for (int i = 0; i + 4 < code.Length; i++)
        {
            if (code[i] == (byte)ILOpCode.Call && IsKeepAlive(method.Module, BitConverter.ToInt32(code, i + 1)))
            {
                calls++;
            }
        }

        return calls;
    }

    // Bytes that are no call's are no method's token, or of another method.
    private static bool IsKeepAlive(Module module, int token)
    {
        const int MemberReferences = 0x0A;
        if (token >> 24 != MemberReferences)
        {
            return false;
        }

        try
        {
            return module.ResolveMethod(token)?.Name == nameof(GC.KeepAlive);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
